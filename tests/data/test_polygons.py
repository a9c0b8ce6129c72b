"""Tracing masks to polygons that reproduce the masks, joining outlines, and checking difficult ones."""

import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fmask.data.polygons import check_outline, covers_pixel, extents, join, stretch_to_pixels, trace
from fmask.structures.annotations import Region
from tests.helpers.classes import CLASSES

DISC = np.hypot(*(np.mgrid[:60, :60] - 30)) < 25


def drawn(polygon: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return Region("hat", polygon, ignore=False, index=0, classes=CLASSES).mask(*mask.shape)


@pytest.mark.parametrize("blur", [0, 0.7, 1.5, 3])
def test_tracing_reproduces_any_mask_exactly(blur: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):  # noise with many parts and holes that reach the photo's edges
        mask = gaussian_filter(rng.normal(size=rng.integers(4, 40, 2)), blur) > 0
        mask[0, 0] = True
        polygon = join(trace(mask))
        assert polygon.min() >= 0
        assert (polygon <= np.array(mask.shape[::-1]) - 1).all()
        np.testing.assert_array_equal(drawn(polygon, mask), mask)


def test_each_part_and_hole_has_an_outline_the_largest_first() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:12, 2:14] = True
    mask[5:8, 5:9] = False
    mask[15:18, 20:25] = True
    sizes = [np.ptp(outline, axis=0).tolist() for outline in trace(mask)]
    assert sizes == [[12, 10], [5, 3], [4, 3]]  # width and height of part, part, hole
    assert len(trace(mask)[0]) == 8  # a rectangle with cut corners


def test_small_parts_and_holes_are_left_out() -> None:
    mask = DISC.copy()
    mask[1, 1] = True
    mask[30, 30:33] = False
    assert len(trace(mask)) == 3
    (outline,) = trace(mask, min_share=0.01)
    np.testing.assert_array_equal(drawn(outline, mask), DISC)


def test_tolerance_saves_points_at_little_loss() -> None:
    (exact,), (simple,) = trace(DISC), trace(DISC, tolerance=0.5)
    assert len(simple) <= len(exact) / 3
    both = drawn(simple, DISC)
    assert np.count_nonzero(both & DISC) / np.count_nonzero(both | DISC) > 0.97


def test_an_empty_mask_has_no_outline_but_a_single_pixel_has_one() -> None:
    mask = np.zeros((3, 3), bool)
    assert trace(mask) == []
    mask[0, 2] = True
    np.testing.assert_array_equal(drawn(join(trace(mask)), mask), mask)


def test_a_single_outline_is_returned_unchanged() -> None:
    polygon = np.array([(0.1, 2), (7, 3), (5.5, 9)])
    assert join([polygon]) is polygon


def test_bridges_are_not_drawn_wherever_the_outlines_are() -> None:
    rng = np.random.default_rng(1)
    for digits in (0, 1, 9):  # coordinates with 0 digits lie on pixel centres
        for _ in range(30):
            corners = np.array([(0, 0), (25, 0), (0, 25)]) + 1
            triangles = [corner + np.round(rng.uniform(0, 12, (3, 2)), digits) for corner in corners]
            mask = np.zeros((40, 40), bool)
            apart = [drawn(triangle, mask) for triangle in triangles]
            np.testing.assert_array_equal(drawn(join(triangles), mask), np.any(apart, axis=0))


def test_a_comb_with_many_thin_teeth_is_checked() -> None:
    x = np.linspace(0.1, 0.9, 500)[:, None] + [0.0, 0.0, 1e-5, 1e-5]
    y = np.broadcast_to([1.0, 2_000.0, 2_000.0, 1.0], x.shape)
    comb = np.stack([np.r_[x.ravel(), 0.9, 0.1], np.r_[y.ravel(), 0.6, 0.6]], axis=1)
    assert len(check_outline(comb)) == 2_002
    assert not covers_pixel(comb, 2_000, 2_000)
    assert covers_pixel(np.add(comb, [0.9 - 0.5e-5, 0.0]), 2_000, 2_000)


def test_very_high_slivers_are_checked_fast() -> None:
    start = time.process_time()
    for _ in range(10):
        sliver = np.array([(0.2, 0.0), (0.4, 99_999.0), (0.3, 99_999.0)])
        assert not covers_pixel(sliver, 1_000, 100_000)
        assert covers_pixel(np.add(sliver, [0.65, 0.0]), 1_000, 100_000)
        assert not covers_pixel(np.multiply(sliver, [1.0, 1e4]), 1_000, 10**9)  # too many rows to check each one
    assert time.process_time() - start < 2


def test_a_stretched_outline_reaches_the_edges_of_the_pixels_of_its_mask() -> None:
    rng = np.random.default_rng(0)
    for digits in (0, 2):  # with 0 digits, corners are pixel centres, which a mask contains
        for _ in range(50):
            outline = np.round(rng.uniform(1, 38, (4, 2)), digits)
            mask = drawn(outline, np.zeros((40, 40), bool))
            if not covers_pixel(outline, 40, 40) or not mask.any():
                continue
            y1, x1, y2, x2 = extents([stretch_to_pixels(outline)])[0]
            rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
            # A corner between two pixels of a row may lie in the row without the mask containing a pixel of it.
            assert y1 <= rows[0]
            assert x1 <= columns[0]
            assert y2 >= rows[-1] + 1
            assert x2 >= columns[-1] + 1
    square = np.array([(10.0, 20.0), (15.0, 20.0), (15.0, 30.0), (10.0, 30.0)])
    np.testing.assert_array_equal(extents([stretch_to_pixels(square)]), [[20, 10, 31, 16]])


def test_an_outline_between_two_pixel_centres_is_not_stretched_along_that_axis() -> None:
    thin = np.array([(10.2, 0.0), (10.8, 0.0), (10.8, 9.0), (10.2, 9.0)])
    stretched = stretch_to_pixels(thin)
    np.testing.assert_array_equal(stretched[:, 0], thin[:, 0])
    assert (stretched[:, 1].min(), stretched[:, 1].max()) == (-0.5, 9.5)
