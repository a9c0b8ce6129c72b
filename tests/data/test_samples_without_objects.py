"""Training samples of photos without objects: views, copy-paste and batches."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.arrays import to_arrays
from fmask.data.batches import Batches
from fmask.data.config import Jitter
from fmask.data.samples import MASK_SIDE, Sample, augment_sample
from fmask.data.transforms import augment
from fmask.structures.annotations import Photo

SIZE = 64
STRONG = Jitter(flip=0.5, scale=0.5, rotate=20, focus=1.0, colour=0.2, hue=20, grey=0.5, paste=1.0, recolour=1.0)
SQUARE = np.array([[40.0, 40], [59, 40], [59, 59], [40, 59]])


def empty(value: int = 60) -> Sample:
    return Sample(np.full((100, 120, 3), value, np.uint8), [], np.array([], np.int64), "empty")


def with_object() -> Sample:
    image = np.full((100, 120, 3), 60, np.uint8)
    image[40:60, 40:60] = 200
    return Sample(image, [SQUARE], np.array([2]), "hat")


@pytest.mark.parametrize("jitter", [Jitter(), STRONG])
@pytest.mark.parametrize("image_size", [SIZE, 2 * SIZE])  # the whole photo, and crops of it
@pytest.mark.parametrize("donor", [None, empty()])
def test_a_view_has_no_instance(jitter: Jitter, image_size: int, donor: Sample | None) -> None:
    flip = augment.build([{"Fliplr": {"p": 1}}])
    view = augment_sample(empty(), SIZE, image_size, jitter, flip, np.random.default_rng(0), donor)
    assert view.image.shape == (SIZE, SIZE, 3)
    assert view.image.any()
    assert (view.boxes.shape, view.class_ids.shape) == ((0, 4), (0,))
    assert view.masks.shape == (0, MASK_SIDE, MASK_SIDE)


def test_objects_are_pasted_into_a_photo_without_objects() -> None:
    rng = np.random.default_rng(0)
    view = augment_sample(empty(), SIZE, SIZE, Jitter(), None, rng, donor=with_object())
    assert view.class_ids.tolist() == [2]
    y1, x1, y2, x2 = view.boxes[0].round().astype(int)
    assert view.image[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].min() > 190
    other = augment_sample(with_object(), SIZE, SIZE, Jitter(), None, rng, donor=empty())
    assert other.class_ids.tolist() == [2]


def test_a_batch_may_have_no_object() -> None:
    batches = Batches(
        [with_object(), empty(), empty()],
        crop_size=SIZE,
        image_size=SIZE,
        batch_size=1,
        steps=3,
        slots=2,
        seed=0,
        jitter=STRONG,
    )
    ids = [batches[index][1]["class_ids"] for index in range(len(batches))]
    names = [batches.names(index) for index in range(len(batches))]
    assert sorted(names) == [["empty"], ["empty"], ["hat"]]
    assert all(each.shape == (1, 2) for each in ids)


def test_arrays_have_a_slot_if_no_photo_has_an_object(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12), "red").save(tmp_path / "a.png")
    images, targets = to_arrays([Photo(tmp_path / "a.png", 20, 12, ())], 64)
    assert images.shape == (1, 64, 64, 3)
    assert targets["boxes"].shape == (1, 1, 4)
    assert not targets["class_ids"].any()
