"""Number, position, shape and order of the anchors."""

import numpy as np
import pytest

from fmask.model.anchors import STRIDES, pyramid_anchors
from fmask.model.config import Anchors

REFERENCE = Anchors()


def reference(size: int) -> np.ndarray:
    return pyramid_anchors(size, REFERENCE.scales, REFERENCE.ratios, REFERENCE.offset)


@pytest.mark.parametrize(("size", "count"), [(128, 4092), (1024, 261_888)])
def test_number_of_anchors_in_the_reference(size: int, count: int) -> None:
    anchors = reference(size)
    assert anchors.shape == (count, 4)


@pytest.mark.parametrize(("offset", "first", "second"), [(0.0, 0.0, 4.0), (0.5, 2.0, 6.0)])
def test_centres_are_at_the_corner_or_the_middle_of_cells(offset: float, first: float, second: float) -> None:
    anchors = pyramid_anchors(64, [8, 16, 32, 64, 128], [1.0], offset)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    np.testing.assert_allclose(centres[0], [first, first], atol=1e-5)
    np.testing.assert_allclose(centres[1], [first, second], atol=1e-5)
    np.testing.assert_allclose(centres[64 // 4], [second, first], atol=1e-5)


def test_a_ratio_is_width_over_height_at_the_same_area() -> None:
    tall, square, wide = reference(64)[:3]
    np.testing.assert_allclose(square, [-16, -16, 16, 16])
    for box, ratio in ((tall, 0.5), (square, 1.0), (wide, 2.0)):
        height, width = box[2] - box[0], box[3] - box[1]
        assert width / height == pytest.approx(ratio)
        assert width * height == pytest.approx(32**2)
    assert tall[2] - tall[0] > tall[3] - tall[1]


def test_order_is_level_row_column_ratio() -> None:
    anchors = reference(128)
    areas = np.sqrt((anchors[:, 2] - anchors[:, 0]) * (anchors[:, 3] - anchors[:, 1]))
    expected = [
        scale for scale, stride in zip(REFERENCE.scales, STRIDES, strict=True) for _ in range((128 // stride) ** 2 * 3)
    ]
    np.testing.assert_allclose(areas, expected, rtol=1e-5)
    centres = ((anchors[:, :2] + anchors[:, 2:]) / 2)[: 32 * 32 * 3].reshape(32, 32, 3, 2)
    np.testing.assert_allclose(centres[5, 7], [[20, 28]] * 3, atol=1e-4)


def test_levels_of_odd_size_round_up_like_the_pyramid() -> None:
    # 96 pixels are 1.5 cells of 64 pixels; the subsampled P6 has 2.
    assert len(pyramid_anchors(96, [8, 16, 32, 64, 128], [1.0], 0.5)) == 24**2 + 12**2 + 6**2 + 3**2 + 2**2


def test_every_level_needs_a_scale() -> None:
    with pytest.raises(ValueError, match="zip"):
        pyramid_anchors(64, [8, 16], [1.0], 0.0)
