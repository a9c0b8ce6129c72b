"""Synthetic annotated photos and detections of rectangles, for tests of the evaluation."""

from pathlib import Path

import numpy as np

from fmask.structures.annotations import Photo, Region
from fmask.structures.detections import Detections, EncodedDetections
from tests.helpers.classes import CLASSES

HEIGHT, WIDTH = 60, 80
Box = tuple[int, int, int, int]
"""y1, x1, y2, x2 with exclusive ends."""


def photo(*regions: tuple[str | None, Box], ignored: tuple[int, ...] = (), name: str = "made_up.png") -> Photo:
    """Return a photo with rectangular regions; those in `ignored`, or without a label, are regions to ignore."""
    return Photo(
        Path(name),
        WIDTH,
        HEIGHT,
        tuple(
            Region(label, _outline(box), ignore=index in ignored or label is None, index=index, classes=CLASSES)
            for index, (label, box) in enumerate(regions)
        ),
    )


def detections(*found: tuple[str, Box, float]) -> Detections:
    """Return rectangular detections from class, box and score, best score first."""
    masks = np.zeros((len(found), HEIGHT, WIDTH), dtype=bool)
    for mask, (_, (y1, x1, y2, x2), _) in zip(masks, found, strict=True):
        mask[y1:y2, x1:x2] = True
    return Detections(
        boxes=np.array([box for _, box, _ in found], dtype=np.float32).reshape(-1, 4),
        class_ids=np.array([1 + CLASSES.index(label) for label, _, _ in found], dtype=np.int64),
        scores=np.array([score for *_, score in found], dtype=np.float32),
        masks=masks,
        classes=CLASSES,
    )


def encoded(*found: tuple[str, Box, float]) -> EncodedDetections:
    """Return `detections` with masks as run lengths."""
    return detections(*found).encode()


def from_masks(instances: list[tuple[int, np.ndarray, float]]) -> Detections:
    """Return detections from class ids, masks (H, W) and scores, with the boxes of the masks; at least one."""
    class_ids, masks, scores = zip(*sorted(instances, key=lambda instance: -instance[2]), strict=True)
    boxes = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))
    return Detections(
        np.array(boxes, np.float32), np.array(class_ids), np.array(scores, np.float32), np.stack(masks), CLASSES
    )


def _outline(box: Box) -> np.ndarray:
    """Return the polygon (4, 2) that `skimage.draw.polygon` fills with exactly the box's pixels."""
    y1, x1, y2, x2 = box
    top, left, bottom, right = y1 - 0.5, x1 - 0.5, y2 - 0.5, x2 - 0.5
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
