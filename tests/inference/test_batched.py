"""Many photos through a network, a few at a time."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.inference.batched import iter_predictions, predict_photos
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError


class FakePredictor:
    """Finds nothing; remembers how many photos it saw at a time, and how many it might have seen."""

    batch_size = 3

    def __init__(self) -> None:
        self.seen: list[tuple[int, int | None]] = []

    def predict(self, images: list[np.ndarray], batch_size: int | None = None) -> list[Detections]:
        self.seen.append((len(images), batch_size))
        nothing = np.zeros(0, np.float32)
        return [
            Detections(nothing.reshape(0, 4), nothing, nothing, np.zeros((0, *image.shape[:2]), bool))
            for image in images
        ]


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seven photos, 1 to 7 pixels wide."""
    paths = [tmp_path / f"{width}.png" for width in range(1, 8)]
    for width, path in enumerate(paths, start=1):
        Image.new("RGB", (width, 2)).save(path)
    return paths


@pytest.mark.parametrize(
    ("count", "batch", "seen"),
    [
        (7, None, [(3, 3), (3, 3), (1, 3)]),
        (2, None, [(2, 2)]),  # not three, of which one would be padding
        (2, 3, [(2, 3)]),
        (0, None, []),
    ],
)
def test_photos_come_in_order_a_few_at_a_time(
    photos: list[Path], count: int, batch: int | None, seen: list[tuple[int, int]]
) -> None:
    finder = FakePredictor()
    found = list(predict_photos(finder, photos[:count], batch))
    assert [each.masks.shape[2] for each in found] == list(range(1, count + 1))
    assert finder.seen == seen


def test_a_photo_that_cannot_be_read_is_told_of_or_ends_it(photos: list[Path]) -> None:
    photos[1].write_text("no photo")
    kinds = [type(found) for _, found in iter_predictions(FakePredictor(), photos[:3])]
    assert kinds == [Detections, UserError, Detections]
    with pytest.raises(UserError, match=r"2\.png"):
        list(predict_photos(FakePredictor(), photos))
