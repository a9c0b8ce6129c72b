"""Prediction on many photo files, in batches."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.inference.batched import iter_predictions, predict_photos
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES


class FakePredictor(Predictor):
    """Detects nothing, and records the number of photos and the batch size of each call."""

    batch_size = 3

    def __init__(self) -> None:
        super().__init__(image_size=64, classes=CLASSES)
        self.calls: list[tuple[int, int | None]] = []

    def predict_each(self, images: Any, batch_size: int | None = None, max_mask_pixels: int | None = None) -> Any:
        shapes = [image.shape for image in images]
        self.calls.append((len(shapes), batch_size))
        nothing = np.zeros(0, np.float32)
        return [
            Detections(nothing.reshape(0, 4), nothing, nothing, np.zeros((0, *shape[:2]), bool), CLASSES)
            for shape in shapes
        ]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seven photos, 1 to 7 pixels wide."""
    paths = [tmp_path / f"{width}.png" for width in range(1, 8)]
    for width, path in enumerate(paths, start=1):
        Image.new("RGB", (width, 2)).save(path)
    return paths


@pytest.mark.parametrize(
    ("count", "batch", "calls"),
    [
        (7, None, [(3, 3), (3, 3), (1, 3)]),
        (2, None, [(2, 2)]),  # not 3, which would need padding
        (2, 3, [(2, 3)]),
        (0, None, []),
    ],
)
def test_photos_are_predicted_in_order_and_in_batches(
    photos: list[Path], count: int, batch: int | None, calls: list[tuple[int, int]]
) -> None:
    predictor = FakePredictor()
    found = list(predict_photos(predictor, photos[:count], batch))
    assert [each.masks.shape[2] for each in found] == list(range(1, count + 1))
    assert predictor.calls == calls


class ThreadedPredictor(FakePredictor):
    """Sees a photo in each of three threads, the narrower ones later than the wider ones."""

    batch_size, threads = 1, 3

    def __init__(self) -> None:
        super().__init__()
        self.at_once: list[int] = []
        self.lock, self.busy = threading.Lock(), 0

    def single_threaded(self) -> Any:
        return self

    def predict_each(self, images: Any, batch_size: int | None = None, max_mask_pixels: int | None = None) -> Any:
        (image,) = images
        with self.lock:
            self.busy += 1
            self.at_once.append(self.busy)
        time.sleep(0.05 / image.shape[1])
        with self.lock:
            self.busy -= 1
        return super().predict_each([image], batch_size)


def test_each_thread_sees_a_photo_of_its_own_and_the_order_is_kept(photos: list[Path]) -> None:
    predictor = ThreadedPredictor()
    found = list(predict_photos(predictor, photos))
    assert [each.masks.shape[2] for each in found] == list(range(1, 8))
    assert 1 < max(predictor.at_once) <= 3


def test_photos_that_nobody_asks_for_are_not_seen(photos: list[Path]) -> None:
    predictor = ThreadedPredictor()
    some = predict_photos(predictor, photos * 10)
    next(some)
    del some
    assert len(predictor.calls) <= 5


@pytest.mark.parametrize("kind", [FakePredictor, ThreadedPredictor])
def test_an_unreadable_photo_is_reported_or_raised(photos: list[Path], kind: type[FakePredictor]) -> None:
    photos[1].write_text("no photo")
    kinds = [type(found) for _, found in iter_predictions(kind(), photos[:3])]
    assert kinds == [Detections, UserError, Detections]
    with pytest.raises(UserError, match=r"2\.png"):
        list(predict_photos(kind(), photos))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (Image.new("RGB", (4, 2)), "Photos must be a path, an array, or a list of these, not Image"),
        ((name for name in ["a.png"]), "Photos must be a path, an array, or a list of these, not generator"),
        ([Image.new("RGB", (4, 2))], r"A photo must be a path or a uint8 array \(H, W, 3\), not Image"),
        ([np.zeros((4, 2), np.uint8)], r"A photo must be a uint8 array \(H, W, 3\), not uint8 \(4, 2\)"),
    ],
)
def test_other_types_of_photos_are_refused(images: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Predictor.predict(FakePredictor(), images)
