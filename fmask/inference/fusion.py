"""Fusion of several sets of detections of one photo, from several networks or several views, into one."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from fmask.structures.detections import Detections

OVERLAP = 0.5
"""Lowest mask IoU of detections that are taken for the same object."""


@dataclass
class _Object:
    """The detections that are taken for one object; at most one of each set."""

    members: list[tuple[int, int]]
    """Set and position of each detection, best score first."""
    sets: set[int] = field(default_factory=set)


def fuse(sets: Sequence[Detections], limit: int | None = None) -> Detections:
    """Combine the detections of one photo that several networks found.

    From the best score down, a detection joins the object of its class whose first detection overlaps it most, with a
    mask IoU of at least `OVERLAP`, unless the object already has a detection of the same set; else it becomes an object
    of its own. An object's score is the sum of its detections' scores divided by the number of sets, so one that few
    networks see scores low. Its box is their mean and its mask their mean shape, both weighted by score. This is
    weighted boxes fusion (Solovyev et al. 2021, "Weighted boxes fusion", Image and Vision Computing 107), with masks.

    Args:
        sets: one or more sets of detections in the same photo, with the same classes.
        limit: the most objects to return; all by default.

    Returns:
        The objects, best score first.
    """
    first, *others = sets
    if not others:
        return first
    areas = [np.count_nonzero(each.masks, axis=(1, 2)) for each in sets]
    order = [(float(score), i, k) for i, each in enumerate(sets) for k, score in enumerate(each.scores)]
    objects: list[_Object] = []
    for _, i, k in sorted(order, key=lambda each: -each[0]):
        best, best_overlap = None, OVERLAP
        for candidate in objects:
            j, m = candidate.members[0]
            if i in candidate.sets or sets[j].class_ids[m] != sets[i].class_ids[k]:
                continue
            common = _common_pixels(sets[j], m, sets[i], k)
            overlap = common / max(areas[j][m] + areas[i][k] - common, 1)
            if overlap >= best_overlap:
                best, best_overlap = candidate, overlap
        if best is None:
            best = _Object([])
            objects.append(best)
        best.members.append((i, k))
        best.sets.add(i)
    return _as_detections(sets, objects, limit)


def _common_pixels(one: Detections, k: int, other: Detections, m: int) -> int:
    """Return the number of pixels in both masks; only pixels in both boxes are compared."""
    y1, x1 = np.floor(np.maximum(one.boxes[k, :2], other.boxes[m, :2])).astype(int).clip(0)
    y2, x2 = np.ceil(np.minimum(one.boxes[k, 2:], other.boxes[m, 2:])).astype(int)
    if y2 <= y1 or x2 <= x1:
        return 0
    return int(np.count_nonzero(one.masks[k, y1:y2, x1:x2] & other.masks[m, y1:y2, x1:x2]))


def _as_detections(sets: Sequence[Detections], objects: Sequence[_Object], limit: int | None) -> Detections:
    totals = [sum(float(sets[i].scores[k]) for i, k in each.members) for each in objects]
    kept = sorted(range(len(objects)), key=lambda n: -totals[n])[:limit]
    first = sets[0]
    boxes = np.zeros((len(kept), 4), np.float32)
    class_ids = np.zeros(len(kept), first.class_ids.dtype)
    masks = np.zeros((len(kept), *first.masks.shape[1:]), bool)
    for row, n in enumerate(kept):
        members = objects[n].members
        weights = np.array([sets[i].scores[k] for i, k in members], np.float64)
        weights = weights / weights.sum() if weights.sum() else np.full(len(members), 1 / len(members))
        boxes[row] = weights @ np.array([sets[i].boxes[k] for i, k in members], np.float64)
        class_ids[row] = sets[members[0][0]].class_ids[members[0][1]]
        masks[row] = _mean_shape([sets[i].masks[k] for i, k in members], weights)
    scores = np.array([totals[n] / len(sets) for n in kept], np.float32)
    return replace(first, boxes=boxes, class_ids=class_ids, scores=scores, masks=masks)


def _mean_shape(masks: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean shape, bool (H, W), of masks.

    It has the pixels whose weighted mean distance from the outlines is positive, where pixels inside an outline have
    positive distances and pixels outside have negative ones (Rohlfing and Maurer 2007, "Shape-based averaging", IEEE
    Transactions on Image Processing 16). A majority of two masks would be the one with the higher score. Empty masks
    are left out.
    """
    mean = np.zeros_like(masks[0])
    covered = np.any(masks, axis=0)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        return mean
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    shapes = [(mask[inside], weight) for mask, weight in zip(masks, weights, strict=True) if mask.any()]
    mean[inside] = sum(weight * _signed_distances(mask) for mask, weight in shapes) > 0
    return mean


def _signed_distances(mask: np.ndarray) -> np.ndarray:
    """Return the distances in pixels, float32 (H, W), from an outline: positive inside it, negative outside."""
    framed = np.pad(mask, 1).astype(np.uint8)
    inner, outer = (cv2.distanceTransform(each, cv2.DIST_L2, cv2.DIST_MASK_5) for each in (framed, 1 - framed))
    return (inner - outer)[1:-1, 1:-1]
