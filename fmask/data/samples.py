"""Training samples: photos in memory, their augmentation, and the fixed-size arrays that the network is trained on.

B samples in a batch, S the side of the network's square input in pixels, G instance slots, M the side of an instance's
mask.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import skimage.draw

from fmask.data.config import Jitter
from fmask.data.images import load_image
from fmask.data.polygons import extents, stretch_to_pixels
from fmask.data.transforms import augment
from fmask.data.transforms.copy_paste import paste
from fmask.data.transforms.jitter import change_colours, random_view
from fmask.structures.annotations import Photo
from fmask.utils.resize import resize

MASK_SIDE = 56
"""M: each instance's mask is a grid of this side inside its box (the reference implementation's mini masks)."""
MIN_SIDE = 2.0
"""Instances whose visible part is less than this many pixels high or wide are ignored."""
MIN_VISIBLE = 0.3
"""Instances with less than this share of their box in view are ignored."""

DECODERS = 2
"""Photos that are decoded at the same time. While Python is busy elsewhere, one thread would often wait for it."""


@dataclass(frozen=True)
class Sample:
    """A photo in memory, decoded once and no larger than training needs."""

    image: np.ndarray
    """uint8 (H, W, 3), RGB."""
    polygons: list[np.ndarray]
    """One (n, 2) array per instance: x, y in the image's pixels."""
    class_ids: np.ndarray
    """(len(polygons),): 1..K, or -1 for an instance to ignore."""
    name: str = ""
    """The photo's file name."""
    boxed: np.ndarray | None = None
    """(len(polygons),) bool: whether an instance has no outline to learn, so that its polygon is its box; None if all
    have."""


@dataclass(frozen=True)
class AugmentedSample:
    """A random view of a photo, as the network sees it, with its n visible instances."""

    image: np.ndarray
    """float32 (S, S, 3), RGB in [0, 255]."""
    boxes: np.ndarray
    """float32 (n, 4): y1, x1, y2, x2 in pixels with exclusive ends."""
    class_ids: np.ndarray
    """int32 (n,): 1..K, or -1 for an instance to ignore."""
    masks: np.ndarray
    """float32 (n, M, M), 0 or 1: each instance's mask inside its box; -1 for an instance without an outline."""


def load_samples(
    photos: Sequence[Photo], side: int, antialias: bool = True, boxes_as_masks: bool = False
) -> list[Sample]:
    """Decode photos, and shrink those whose longer side exceeds `side` pixels.

    Args:
        photos: annotated photos.
        side: largest side in pixels.
        antialias: whether shrinking averages pixels; see `fmask.utils.resize.resize`.
        boxes_as_masks: whether the mask to learn of an object without an outline is its filled box; it has none
            otherwise.
    """
    with ThreadPoolExecutor(DECODERS) as pool:
        return list(pool.map(lambda photo: _load(photo, side, antialias, boxes_as_masks), photos))


def augment_sample(
    sample: Sample,
    crop_size: int,
    image_size: int,
    jitter: Jitter,
    augmenter: Any,
    rng: np.random.Generator,
    donor: Sample | None = None,
) -> AugmentedSample:
    """Draw a random view of a sample, paste objects into it, and change its colours.

    Args:
        sample: the photo.
        crop_size: S.
        image_size: longer side of the photo in pixels, before jitter zooms it.
        jitter: ranges of the random changes.
        augmenter: an imgaug augmenter from `augment.build`, or None.
        rng: source of all random draws.
        donor: a photo whose objects are pasted where they hide nothing; see `copy_paste.paste`.
    """
    image, polygons = _view(sample, crop_size, image_size, jitter, rng)
    class_ids, boxed = sample.class_ids, _boxed(sample)
    if donor is not None:
        source, candidates = _view(donor, crop_size, image_size, jitter, rng)
        objects = np.flatnonzero((donor.class_ids > 0) & ~_boxed(donor))
        copied = objects[paste(image, polygons, source, [candidates[index] for index in objects])]
        polygons += [candidates[index] for index in copied]
        class_ids = np.append(class_ids, donor.class_ids[copied])
        boxed = np.append(boxed, np.zeros(len(copied), bool))
    if augmenter is not None:
        image, polygons = augment.apply(augmenter, image, polygons, int(rng.integers(2**31)))
    image = change_colours(jitter, image, _objects(polygons, np.where(boxed, -1, class_ids)), rng)
    boxes = extents(polygons)
    seen = np.clip(boxes, 0, crop_size)
    sides = seen[:, 2:] - seen[:, :2]
    visible = sides.prod(axis=1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6)
    class_ids = np.where((sides.min(axis=1, initial=crop_size) >= MIN_SIDE) & (visible >= MIN_VISIBLE), class_ids, -1)
    masks = np.array([box_mask(polygon, box) for polygon, box in zip(polygons, seen, strict=True)], np.float32)
    masks = np.where(boxed[:, None, None], np.float32(-1), masks.reshape(-1, MASK_SIDE, MASK_SIDE))
    present = np.flatnonzero(sides.min(axis=1, initial=crop_size) > 0)
    return AugmentedSample(
        image=image.astype(np.float32),
        boxes=seen[present],
        class_ids=class_ids[present].astype(np.int32),
        masks=masks[present],
    )


def box_mask(polygon: np.ndarray, box: np.ndarray, side: int = MASK_SIDE) -> np.ndarray:
    """Draw the part of `polygon` (n, 2) inside `box` (4,) on a grid that spans the box: bool (side, side)."""
    y1, x1, y2, x2 = box.astype(np.float64)
    rows = (polygon[:, 1] + 0.5 - y1) / max(y2 - y1, 1e-6) * side - 0.5
    columns = (polygon[:, 0] + 0.5 - x1) / max(x2 - x1, 1e-6) * side - 0.5
    mask = np.zeros((side, side), bool)
    mask[skimage.draw.polygon(rows, columns, mask.shape)] = True
    return mask


def collate(samples: Sequence[AugmentedSample], slots: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Stack samples to one batch, with the instances padded by zeros, or cut, to `slots`.

    Returns:
        The images (B, S, S, 3), and a dict of `boxes` (B, G, 4), `class_ids` (B, G) and `masks` (B, G, M, M).
    """
    targets = {
        "boxes": _pad([sample.boxes for sample in samples], slots),
        "class_ids": _pad([sample.class_ids for sample in samples], slots),
        "masks": _pad([sample.masks for sample in samples], slots),
    }
    return np.stack([sample.image for sample in samples]), targets


def _load(photo: Photo, side: int, antialias: bool, boxes_as_masks: bool) -> Sample:
    image = load_image(photo.path)
    scale = min(1.0, side / max(image.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    if scale < 1:
        image = np.rint(resize(image, height, width, antialias)).astype(np.uint8)
    factor = np.array([width / photo.width, height / photo.height])
    polygons = [(stretch_to_pixels(region.polygon) + 0.5) * factor - 0.5 for region in photo.regions]
    boxed = np.array([region.box_only and not boxes_as_masks for region in photo.regions], bool)
    return Sample(image, polygons, photo.class_ids(), photo.path.name, boxed if boxed.any() else None)


def _view(
    sample: Sample, crop_size: int, image_size: int, jitter: Jitter, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a random view of a photo, uint8 (S, S, 3), and the instances' outlines in it."""
    objects = _objects(sample.polygons, sample.class_ids)
    matrix = random_view(jitter, sample.image.shape[:2], crop_size, image_size, extents(objects), rng)
    image = cv2.warpAffine(sample.image, matrix, (crop_size, crop_size), flags=cv2.INTER_LINEAR)
    return image, [polygon @ matrix[:, :2].T + matrix[:, 2] for polygon in sample.polygons]


def _boxed(sample: Sample) -> np.ndarray:
    """Return which instances (n,) have no outline to learn."""
    return np.zeros(len(sample.polygons), bool) if sample.boxed is None else sample.boxed


def _objects(polygons: Sequence[np.ndarray], class_ids: np.ndarray) -> list[np.ndarray]:
    """Return the outlines of the instances that are not ignored."""
    return [polygon for polygon, class_id in zip(polygons, class_ids, strict=True) if class_id > 0]


def _pad(arrays: list[np.ndarray], slots: int) -> np.ndarray:
    """Stack arrays (n, ...) of different n to (B, G, ...), padded by zeros or cut to G = `slots`."""
    padded = np.zeros((len(arrays), slots, *arrays[0].shape[1:]), arrays[0].dtype)
    for target, array in zip(padded, arrays, strict=True):
        target[: min(len(array), slots)] = array[:slots]
    return padded
