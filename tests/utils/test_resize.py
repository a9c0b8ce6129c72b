"""Resizing with and without antialiasing."""

import cv2
import numpy as np

from fmask.utils.resize import resize

CHECKS = (
    np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((1, 1)))[..., None].repeat(3, axis=2).astype(np.uint8) * 201
)
"""A chessboard of single pixels, 0 and 201."""


def test_antialias_averages_pixels() -> None:
    small = resize(CHECKS, 4, 4, antialias=True)
    np.testing.assert_allclose(small, 100.5)
    assert small.dtype == np.float32


def test_without_antialias_pixels_are_sampled_and_truncated() -> None:
    small = resize(CHECKS, 4, 4, antialias=False)
    assert small.dtype == np.float32
    np.testing.assert_array_equal(small, 100)  # between four pixels, truncated to an integer
    third = resize(CHECKS[:6, :6], 2, 2, antialias=False)
    assert set(np.unique(third)) <= {0, 201}  # at the middle pixel of three, independent of its neighbours


def test_enlarging_interpolates() -> None:
    ramp = np.arange(4, dtype=np.uint8)[None, :, None].repeat(2, axis=0).repeat(3, axis=2) * 40
    for antialias in (True, False):
        large = resize(ramp, 4, 8, antialias)
        assert large.shape == (4, 8, 3)
        np.testing.assert_allclose(large[1, 2:6, 0], [30, 50, 70, 90], atol=1)


def test_shrinking_channel_by_channel_is_the_same_as_all_at_once() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (211, 307, 3)).astype(np.uint8)
    at_once = cv2.resize(photo.astype(np.float32), (64, 40), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(resize(photo, 40, 64, antialias=True), at_once)
