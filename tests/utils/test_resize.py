"""Photos at another size: averaged, or sampled as the reference does."""

import numpy as np

from fmask.utils.resize import resize

CHECKS = (
    np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((1, 1)))[..., None].repeat(3, axis=2).astype(np.uint8) * 201
)
"""A chessboard of single pixels, 0 and 201."""


def test_averaging_keeps_what_falls_together() -> None:
    small = resize(CHECKS, 4, 4, antialias=True)
    np.testing.assert_allclose(small, 100.5)
    assert small.dtype == np.float32


def test_without_it_values_are_whole_and_sampled() -> None:
    small = resize(CHECKS, 4, 4, antialias=False)
    assert small.dtype == np.float32
    np.testing.assert_array_equal(small, 100)  # between four pixels, cut to a whole value
    third = resize(CHECKS[:6, :6], 2, 2, antialias=False)
    assert set(np.unique(third)) <= {0, 201}  # on the middle pixel of three, whatever its neighbours say


def test_enlarging_interpolates() -> None:
    ramp = np.arange(4, dtype=np.uint8)[None, :, None].repeat(2, axis=0).repeat(3, axis=2) * 40
    for antialias in (True, False):
        large = resize(ramp, 4, 8, antialias)
        assert large.shape == (4, 8, 3)
        np.testing.assert_allclose(large[1, 2:6, 0], [30, 50, 70, 90], atol=1)
