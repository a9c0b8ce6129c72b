"""The best possible scores: those of exact boxes and of the masks that the network is trained to predict."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from fmask.data.config import Jitter
from fmask.data.formats.read import read_split
from fmask.data.samples import augment_sample, load_samples
from fmask.evaluation.average_precision import average_precision
from fmask.model.preprocessing import letterbox, normalise, postprocess, to_photo
from fmask.model.roi import mask_targets
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections
from tests.helpers.classes import CLASSES, OF_STUDY

SIZE = 192


def perfect(photo: Photo, pooling: str, align_corners: bool) -> Detections:
    """Return what a network that has learnt its targets perfectly detects in a photo."""
    (loaded,) = load_samples([photo], SIZE)
    sample = augment_sample(loaded, SIZE, SIZE, Jitter(), None, np.random.default_rng(0))
    unit = normalise(sample.boxes, SIZE, SIZE)[None]
    own = np.arange(len(sample.boxes), dtype=np.int32)[None]
    masks = ops.convert_to_numpy(mask_targets(unit, unit, sample.masks[None], own, 28, SIZE, pooling))[0]
    frame = letterbox(np.zeros((photo.height, photo.width, 3), np.uint8), SIZE, antialias=True)
    boxes = to_photo(unit[0], frame, photo.height, photo.width, align_corners)
    return postprocess(boxes, sample.class_ids, np.ones(len(own[0])), masks, photo.height, photo.width, CLASSES)


def ceiling(photos: Sequence[Photo], pooling: str, align_corners: bool) -> dict[str, float]:
    objects = [replace(photo, regions=tuple(each for each in photo.regions if not each.ignore)) for photo in photos]
    return average_precision(objects, [perfect(photo, pooling, align_corners).encode() for photo in objects]).metrics


@pytest.mark.parametrize(
    ("pooling", "align_corners", "box_ap", "mask_ap"), [("align", False, 0.99, 0.95), ("crop", True, 0.97, 0.9)]
)
def test_a_perfect_network_finds_the_validation_photos_objects(
    photos_root: Path, pooling: str, align_corners: bool, box_ap: float, mask_ap: float
) -> None:
    best = ceiling(read_split(photos_root / "val", OF_STUDY).photos, pooling, align_corners)
    assert best["box_ap"] > box_ap
    assert best["mask_ap"] > mask_ap
    assert best["mask_ap75"] == 1
