"""What `fmask new` proposes before any training."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from fmask.data.advice import DETECTED, SIZES, WANTED, discernible_difference, suitable_image_size
from fmask.structures.annotations import Photo, Region

CLASSES = ("large", "small")


def photo(**sides: float) -> Photo:
    """Return a photo of 800 x 400 with a square of each class."""
    regions = [
        Region(label, np.array([(0, 0), (side, 0), (side, side), (0, side)], float) - 0.5, False, index, CLASSES)
        for index, (label, side) in enumerate(sides.items())
    ]
    return Photo(Path("a.jpg"), 800, 400, tuple(regions))


@pytest.mark.parametrize(("side", "size"), [(200, 256), (100, 256), (99, 320), (80, 320), (50, 512), (5, 1024)])
def test_the_image_size_is_the_first_at_which_the_smallest_class_is_large_enough(side: float, size: int) -> None:
    suitable = suitable_image_size([photo(large=300, small=side), photo(large=300), photo(small=side, large=10)])
    assert suitable is not None
    assert (suitable.size, suitable.smallest) == (size, "small")
    assert suitable.side == pytest.approx(side / 800 * size)
    assert suitable.side_at_first == pytest.approx(side / 800 * 256)
    assert suitable.side >= WANTED or size == SIZES[-1]
    assert suitable_image_size([photo()]) is None


def test_the_difference_is_found_by_mcnemars_test_with_the_stated_power() -> None:
    assert pytest.approx(norm.ppf(0.975) + norm.ppf(0.8), abs=1e-3) == DETECTED
    rng, objects, runs = np.random.default_rng(0), 400, 20_000
    difference = discernible_difference(objects)
    better, worse, _ = rng.multinomial(objects, [0.1 + difference / 2, 0.1 - difference / 2, 0.8], runs).T
    z = (better - worse) / np.sqrt(better + worse)
    assert (z > norm.ppf(0.975)).mean() == pytest.approx(0.8, abs=0.03)
    assert discernible_difference(1) == 1
