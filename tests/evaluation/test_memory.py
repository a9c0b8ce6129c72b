"""The memory of scoring does not grow with the number of photos."""

import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.evaluation.scores import compute_scores
from fmask.inference.batched import predict_encoded
from fmask.inference.predictor import NetworkPredictor
from fmask.structures.annotations import Photo, Region
from tests.helpers.classes import CLASSES

SIDE = 1200
MASK_BYTES = SIDE * SIDE
OUTLINE = np.array([(100.0, 100.0), (140.0, 100.0), (140.0, 130.0), (100.0, 130.0)])


class ThreeObjects(NetworkPredictor):
    """Detects three objects in every photo, in batches of four."""

    batch_size = 4

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        count = len(inputs["image"])
        boxes = np.array([(0.1, 0.1, 0.7, 0.6), (0.2, 0.1, 0.9, 0.9), (0.5, 0.5, 0.6, 0.6)])
        return {
            "boxes": np.tile(boxes, (count, 1, 1)),
            "class_ids": np.tile([1, 2, 1], (count, 1)),
            "scores": np.tile([0.9, 0.8, 0.7], (count, 1)).astype(np.float32),
            "masks": np.ones((count, 3, 28, 28)),
        }


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    regions = (
        Region("mask", OUTLINE, ignore=False, index=0, classes=CLASSES),
        Region("hat", OUTLINE, ignore=False, index=1, classes=CLASSES),
    )
    paths = [tmp_path / f"{number}.png" for number in range(16)]
    for path in paths:
        Image.new("RGB", (SIDE, SIDE)).save(path)
    return [Photo(path, SIDE, SIDE, regions) for path in paths]


def peak(photos: list[Photo]) -> int:
    """Return the largest memory in bytes while photos are detected in and scored."""
    predictor = ThreeObjects(image_size=128, antialias=True, align_corners=False, classes=CLASSES)
    tracemalloc.start()
    try:
        found = list(predict_encoded(predictor, [photo.path for photo in photos], batch_size=4))
        scores = compute_scores(photos, found, [0.5, 0.9])
        assert len(scores[0.9].outcomes.objects) == 2 * len(photos)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_masks_and_photos_are_freed_before_those_of_the_next_photo(photos: list[Photo]) -> None:
    peak(photos[:1])  # imports
    assert peak(photos) < peak(photos[:2]) + 2 * MASK_BYTES
