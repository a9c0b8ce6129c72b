"""Objects of one photo in another: which are copied, to where, and what is said of them."""

import numpy as np
import pytest

from fmask.data.batches import Batches
from fmask.data.config import Jitter
from fmask.data.samples import Sample, augment_sample
from fmask.data.transforms.copy_paste import paste
from fmask.structures.annotations import Region

SIZE = 64


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def sample(brightness: int, *polygons: np.ndarray, class_ids: tuple[int, ...] = (1,)) -> Sample:
    """A black photo with polygons of one brightness."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    for polygon in polygons:
        image[Region("mask", polygon, False, 0).mask(SIZE, SIZE)] = brightness
    return Sample(image, list(polygons), np.array(class_ids))


def test_an_object_is_copied_with_its_pixels_and_nothing_else() -> None:
    image, donor = np.zeros((SIZE, SIZE, 3), np.uint8), np.full((SIZE, SIZE, 3), 200, np.uint8)
    assert paste(image, [square(0, 0, 10)], donor, [square(20, 30, 9)]) == [0]
    expected = np.zeros((SIZE, SIZE), bool)
    expected[30:40, 20:30] = True
    np.testing.assert_array_equal(image[..., 0] == 200, expected)


@pytest.mark.parametrize(
    "outline",
    [square(5, 5, 10), square(-3, 30, 10), square(58, 58, 10)],
    ids=["on another", "beyond the first pixel", "beyond the last"],
)
def test_what_would_hide_something_or_be_cut_is_not_copied(outline: np.ndarray) -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    assert paste(image, [square(0, 0, 10)], np.full_like(image, 200), [outline]) == []
    assert not image.any()


def test_pasted_objects_do_not_hide_each_other() -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    candidates = [square(20, 20, 10), square(25, 25, 10), square(40, 40, 10)]
    assert paste(image, [], np.full_like(image, 200), candidates) == [0, 2]


def test_a_pasted_object_is_an_object_of_the_sample() -> None:
    own, other = sample(100, square(2, 2, 20)), sample(200, square(40, 40, 15), square(0, 50, 5), class_ids=(2, -1))
    made = augment_sample(own, SIZE, SIZE, Jitter(), None, np.random.default_rng(0), other)
    assert made["class_ids"].tolist() == [1, 2], "what is ignored is not copied"
    np.testing.assert_allclose(made["boxes"], [[2.5, 2.5, 22.5, 22.5], [40.5, 40.5, 55.5, 55.5]], atol=0.01)
    assert made["image"][45, 45, 0] == 200
    assert made["image"][10, 10, 0] == 100
    assert made["masks"].shape[0] == 2
    assert own.image.max() == 100, "the photo in memory is left alone"


def test_some_samples_have_pasted_objects_and_the_seed_says_which() -> None:
    photos = [sample(100, square(2, 2, 20)), sample(200, square(40, 40, 15), class_ids=(2,))]
    settings = {"crop_size": SIZE, "image_size": SIZE, "batch_size": 8, "steps": 4, "slots": 2, "seed": 3}

    def drawn(share: float) -> np.ndarray:
        batches = Batches(photos, jitter=Jitter(paste=share), **settings)  # type: ignore[arg-type]
        return np.concatenate([batches[index][1]["class_ids"] for index in range(4)])

    counts = (drawn(0.5) > 0).sum(axis=1)
    assert 0 < (counts == 2).sum() < len(counts)
    np.testing.assert_array_equal(drawn(0.5), drawn(0.5))
    assert ((drawn(0) > 0).sum(axis=1) == 1).all()
