"""Copy-paste: which objects are copied, to which pixels, and with which labels."""

import numpy as np
import pytest

from fmask.data.batches import Batches
from fmask.data.config import Jitter
from fmask.data.samples import Sample, augment_sample
from fmask.data.transforms.copy_paste import paste
from fmask.structures.annotations import Region
from tests.helpers.classes import CLASSES

SIZE = 64


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def sample(brightness: int, *polygons: np.ndarray, class_ids: tuple[int, ...] = (1,)) -> Sample:
    """Return a black photo with polygons of one brightness."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for polygon in polygons:
        image[Region("mask", polygon, False, 0, CLASSES).mask(SIZE, SIZE)] = brightness
    return Sample(image, list(polygons), np.array(class_ids))


def test_only_the_pixels_of_an_object_are_copied() -> None:
    image, donor = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)
    assert paste(image, [square(0, 0, 10)], donor, [square(20, 30, 9)]) == [0]
    expected = np.zeros((SIZE, SIZE), bool)
    expected[30:40, 20:30] = True
    np.testing.assert_array_equal(image[..., 0] == 200, expected)


@pytest.mark.parametrize(
    "outline",
    [square(5, 5, 10), square(-3, 30, 10), square(58, 58, 10)],
    ids=["overlaps another object", "outside at the top left", "outside at the bottom right"],
)
def test_objects_that_overlap_or_are_cut_off_are_not_copied(outline: np.ndarray) -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    assert paste(image, [square(0, 0, 10)], np.full_like(image, 200), [outline]) == []
    assert not image.any()


def test_pasted_objects_do_not_overlap() -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    candidates = [square(20, 20, 10), square(25, 25, 10), square(40, 40, 10)]
    assert paste(image, [], np.full_like(image, 200), candidates) == [0, 2]


def test_pasted_objects_are_instances_of_the_sample() -> None:
    own, other = sample(100, square(2, 2, 20)), sample(200, square(40, 40, 15), square(0, 50, 5), class_ids=(2, -1))
    augmented = augment_sample(own, SIZE, SIZE, Jitter(), None, np.random.default_rng(0), other)
    assert augmented.class_ids.tolist() == [1, 2], "ignored objects are not copied"
    np.testing.assert_allclose(augmented.boxes, [[2.5, 2.5, 22.5, 22.5], [40.5, 40.5, 55.5, 55.5]], atol=0.01)
    assert augmented.image[45, 45, 0] == 200
    assert augmented.image[10, 10, 0] == 100
    assert augmented.masks.shape[0] == 2
    assert own.image.max() == 100, "the photo in memory is not modified"


def test_the_seed_decides_which_samples_have_pasted_objects() -> None:
    photos = [sample(100, square(2, 2, 20)), sample(200, square(40, 40, 15), class_ids=(2,))]
    settings = {"crop_size": SIZE, "image_size": SIZE, "batch_size": 8, "steps": 4, "slots": 2, "seed": 3}

    def drawn(share: float) -> np.ndarray:
        batches = Batches(photos, jitter=Jitter(paste=share), **settings)  # type: ignore[arg-type]
        return np.concatenate([batches[index][1]["class_ids"] for index in range(4)])

    counts = (drawn(0.5) > 0).sum(axis=1)
    assert 0 < (counts == 2).sum() < len(counts)
    np.testing.assert_array_equal(drawn(0.5), drawn(0.5))
    assert ((drawn(0) > 0).sum(axis=1) == 1).all()
