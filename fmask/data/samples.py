"""From photos to what the network's `fit` eats: fixed-size images with boxes, class ids and masks.

B samples in a batch, S the network's input side, G instance slots, M the side of a mask inside its box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skimage.draw

from fmask.data.config import Jitter
from fmask.data.images import load_image
from fmask.data.polygons import extents
from fmask.data.transforms import augment
from fmask.data.transforms.copy_paste import paste
from fmask.data.transforms.jitter import change_colours, random_view
from fmask.structures.annotations import Photo
from fmask.utils.resize import resize

MASK_SIDE = 56
"""M: instances are kept as masks of this side inside their boxes (the reference's mini masks)."""
MIN_SIDE = 2.0
"""Instances that jitter leaves with less than this many pixels of height or width are ignored."""
MIN_VISIBLE = 0.3
"""Instances that jitter leaves with less than this share of their box in view are ignored."""


@dataclass(frozen=True)
class Sample:
    """A photo in memory, decoded once and made no larger than training needs."""

    image: np.ndarray
    """uint8 (H, W, 3), RGB."""
    polygons: list[np.ndarray]
    """Each (n, 2): x, y in the image's pixels."""
    class_ids: np.ndarray
    """(len(polygons),): 1..K, or -1 for an instance to ignore."""
    name: str = ""
    """The photo's file name."""


def load_samples(photos: Sequence[Photo], side: int, antialias: bool = True) -> list[Sample]:
    """Decodes photos and shrinks those whose longer side exceeds `side` pixels, as `resize` does."""
    return [_load(photo, side, antialias) for photo in photos]


def _load(photo: Photo, side: int, antialias: bool) -> Sample:
    image = load_image(photo.path)
    scale = min(1.0, side / max(image.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    if scale < 1:
        image = np.rint(resize(image, height, width, antialias)).astype(np.uint8)
    factor = np.array([width / photo.width, height / photo.height])
    polygons = [(region.polygon + 0.5) * factor - 0.5 for region in photo.regions]
    return Sample(image, polygons, photo.class_ids(), photo.path.name)


def augment_sample(
    sample: Sample,
    crop_size: int,
    image_size: int,
    jitter: Jitter,
    augmenter: Any,
    rng: np.random.Generator,
    donor: Sample | None = None,
) -> dict[str, np.ndarray]:
    """One augmented sample: image (S, S, 3) float32, boxes (n, 4) pixels, class_ids (n,), masks (n, M, M).

    Objects of `donor` that fit in are pasted into it.
    """
    image, polygons = _viewed(sample, crop_size, image_size, jitter, rng)
    class_ids = sample.class_ids
    if donor is not None:
        source, candidates = _viewed(donor, crop_size, image_size, jitter, rng)
        objects = np.flatnonzero(donor.class_ids > 0)
        copied = objects[paste(image, polygons, source, [candidates[index] for index in objects])]
        polygons += [candidates[index] for index in copied]
        class_ids = np.append(class_ids, donor.class_ids[copied])
    if augmenter is not None:
        image, polygons = augment.apply(augmenter, image, polygons, int(rng.integers(2**31)))
    image = change_colours(jitter, image, _objects(polygons, class_ids), rng)
    boxes = extents(polygons)
    seen = np.clip(boxes, 0, crop_size)
    sides = seen[:, 2:] - seen[:, :2]
    visible = sides.prod(axis=1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6)
    class_ids = np.where((sides.min(axis=1, initial=crop_size) >= MIN_SIDE) & (visible >= MIN_VISIBLE), class_ids, -1)
    masks = [box_mask(polygon, box) for polygon, box in zip(polygons, seen, strict=True)]
    present = np.flatnonzero(sides.min(axis=1, initial=crop_size) > 0)
    return {
        "image": image.astype(np.float32),
        "boxes": seen[present],
        "class_ids": class_ids[present].astype(np.int32),
        "masks": np.array(masks, np.float32).reshape(-1, MASK_SIDE, MASK_SIDE)[present],
    }


def _viewed(
    sample: Sample, crop_size: int, image_size: int, jitter: Jitter, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A random view of a photo, uint8 (S, S, 3), and its outlines there."""
    objects = _objects(sample.polygons, sample.class_ids)
    matrix = random_view(jitter, sample.image.shape[:2], crop_size, image_size, extents(objects), rng)
    shrinks = np.sqrt(abs(np.linalg.det(matrix[:, :2]))) < 0.75
    image = cv2.warpAffine(
        sample.image, matrix, (crop_size, crop_size), flags=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return image, [polygon @ matrix[:, :2].T + matrix[:, 2] for polygon in sample.polygons]


def _objects(polygons: Sequence[np.ndarray], class_ids: np.ndarray) -> list[np.ndarray]:
    """The outlines that are not to be ignored."""
    return [polygon for polygon, class_id in zip(polygons, class_ids, strict=True) if class_id > 0]


def box_mask(polygon: np.ndarray, box: np.ndarray, side: int = MASK_SIDE) -> np.ndarray:
    """The part of `polygon` (n, 2) inside `box` (4,), drawn on a grid of `side` x `side`: bool."""
    y1, x1, y2, x2 = box.astype(np.float64)
    rows = (polygon[:, 1] + 0.5 - y1) / max(y2 - y1, 1e-6) * side - 0.5
    columns = (polygon[:, 0] + 0.5 - x1) / max(x2 - x1, 1e-6) * side - 0.5
    mask = np.zeros((side, side), bool)
    mask[skimage.draw.polygon(rows, columns, mask.shape)] = True
    return mask


def collate(samples: list[dict[str, np.ndarray]], slots: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Put samples into one batch.

    Returns:
        Images (B, S, S, 3), and a dict of `boxes` (B, G, 4), `class_ids` (B, G) and `masks` (B, G, M, M), where the
        slots of an image without an object are zero.
    """
    targets = {}
    for key in ("boxes", "class_ids", "masks"):
        rows = [sample[key][:slots] for sample in samples]
        targets[key] = np.zeros((len(rows), slots, *rows[0].shape[1:]), rows[0].dtype)
        for target, row in zip(targets[key], rows, strict=True):
            target[: len(row)] = row
    return np.stack([sample["image"] for sample in samples]), targets
