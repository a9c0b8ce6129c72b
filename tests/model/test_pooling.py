"""Pyramid levels, and both implementations of pooling against independent ones."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmask.model.config import Regions
from fmask.model.pooling import pool_by_products, pool_regions, pyramid_levels
from fmask.model.preprocessing import normalise

SIZE = 64
CHANNELS = 3
Pool = Callable[..., object]


def by_gathering(pyramid: list, regions: np.ndarray, side: int, size: int, config: Regions) -> object:
    pooled = pool_regions(pyramid, regions, side, size, config, training=False)
    return ops.reshape(pooled, (-1, regions.shape[1], *pooled.shape[1:]))


WAYS = pytest.mark.parametrize("pool", [pool_by_products, by_gathering], ids=["products", "gathering"])


def numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def levels(side: float, size: int, **settings: object) -> int:
    """Return the level of a square region whose normalised side is `side` / `size`."""
    region = np.array([0, 0, side / size, side / size], np.float32)
    return int(pyramid_levels(region, size, Regions(**settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "size", "level"),
    [
        (79.1, 128, 2),
        (79.3, 128, 3),
        (128, 128, 3),
        (224, 1024, 4),
        (158, 1024, 3),
        (159, 1024, 4),
        (10, 1024, 2),
        (1000, 1024, 5),
    ],
)
def test_levels_of_the_reference(side: float, size: int, level: int) -> None:
    assert levels(side, size) == level


@pytest.mark.parametrize(("side", "level"), [(55, 3), (57, 4), (111, 4), (113, 5), (1, 2), (27, 2), (29, 3)])
def test_levels_of_the_paper_round_down(side: float, level: int) -> None:
    assert levels(side, 128, canonical=56.0, rounding="floor") == level


def test_the_level_of_an_empty_region_is_finite() -> None:
    assert levels(0, 128) == 2


def pyramid(rng: np.random.Generator, batch: int = 2) -> list[np.ndarray]:
    return [rng.normal(size=(batch, SIZE // s, SIZE // s, CHANNELS)).astype(np.float32) for s in (4, 8, 16, 32, 64)]


def random_regions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return normalised boxes (2, count, 4) of all sizes, some of them partly outside the image."""
    corner, side = rng.uniform(-0.2, 0.9, (2, count, 2)), rng.uniform(0.01, 1, (2, count, 2)) ** 2
    return np.concatenate([corner, corner + side], axis=-1).astype(np.float32)


@WAYS
def test_crop_pooling_equals_crop_and_resize(pool: Pool) -> None:
    rng = np.random.default_rng(0)
    features, regions, config = pyramid(rng), random_regions(rng, 40), Regions(canonical=20.0)
    pooled = numpy(pool(features, regions, 7, SIZE, config))
    level = numpy(pyramid_levels(regions, SIZE, config))
    assert set(level.flat) == {2, 3, 4, 5}
    assert pooled.shape == (2, 40, 7, 7, CHANNELS)
    for image, region in np.ndindex(2, 40):
        feature = features[level[image, region] - 2][image]
        expected = tf.image.crop_and_resize(feature[None], regions[image, [region]], [0], [7, 7])[0]
        np.testing.assert_allclose(pooled[image, region], expected, atol=1e-4)


@WAYS
def test_gradients_of_crop_pooling_equal_those_of_crop_and_resize(pool: Pool) -> None:
    rng = np.random.default_rng(4)
    features, regions, config = pyramid(rng), random_regions(rng, 40), Regions(canonical=20.0)
    weights = rng.normal(size=(80, 7, 7, CHANNELS)).astype(np.float32)
    level = numpy(pyramid_levels(regions, SIZE, config)).reshape(-1)
    kept = [tf.constant(feature) for feature in features[:4]]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kept)
        total = tf.reduce_sum(
            tf.reshape(pool([*kept, features[4]], regions, 7, SIZE, config), (80, 7, 7, -1)) * weights
        )
        expected_total = 0.0
        for index, feature in enumerate(kept):
            here = np.flatnonzero(level == index + 2)
            crops = tf.image.crop_and_resize(feature, regions.reshape(-1, 4)[here], here // 40, [7, 7])
            expected_total += tf.reduce_sum(crops * weights[here])
    for found, expected in zip(tape.gradient(total, kept), tape.gradient(expected_total, kept), strict=True):
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-3)


@WAYS
def test_a_region_that_ends_at_the_border_is_pooled_completely(pool: Pool) -> None:
    """In the reference, rounding moves the last sampling points of some of these regions outside the map."""
    start = np.random.default_rng(3).uniform(0, 0.9, (2, 200, 2))
    regions = np.concatenate([start, np.ones_like(start)], axis=-1).astype(np.float32)
    ones = [np.ones((2, SIZE // stride, SIZE // stride, 1), np.float32) for stride in (4, 8, 16, 32, 64)]
    graph = tf.function(lambda boxes: pool(ones, boxes, 7, SIZE, Regions()))
    for pooled in (pool(ones, regions, 7, SIZE, Regions()), graph(regions)):
        np.testing.assert_allclose(numpy(pooled), 1, atol=1e-4)


def bilinear(feature: np.ndarray, y: float, x: float) -> np.ndarray:
    """Sample a feature at a point as Detectron2 does: 0 beyond one pixel outside, else clamped to the map."""
    height, width, channels = feature.shape
    if not (-1 < y < height and -1 < x < width):
        return np.zeros(channels)
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = y - top, x - left
    upper = feature[top, left] * (1 - dx) + feature[top, right] * dx
    return upper * (1 - dy) + (feature[bottom, left] * (1 - dx) + feature[bottom, right] * dx) * dy


def roi_align(feature: np.ndarray, box: np.ndarray, stride: int, bins: int) -> np.ndarray:
    """Compute ROIAlign of a pixel box with two by two samples per bin, one sample at a time."""
    y1, x1, y2, x2 = box / stride
    pooled = np.zeros((bins, bins, feature.shape[-1]))
    for row, column, sub_row, sub_column in np.ndindex(bins, bins, 2, 2):
        y = y1 + (row + (sub_row + 0.5) / 2) * (y2 - y1) / bins - 0.5
        x = x1 + (column + (sub_column + 0.5) / 2) * (x2 - x1) / bins - 0.5
        pooled[row, column] += bilinear(feature, y, x) / 4
    return pooled


@WAYS
def test_align_pooling_equals_roi_align(pool: Pool) -> None:
    rng = np.random.default_rng(1)
    features = pyramid(rng)
    corner, side = rng.uniform(-8, 56, (2, 12, 2)), rng.uniform(2, 64, (2, 12, 2))
    pixels = np.concatenate([corner, corner + side], axis=-1)
    regions, config = normalise(pixels, SIZE, SIZE), Regions(pooling="align", canonical=40.0, rounding="floor")
    pooled = numpy(pool(features, regions, 3, SIZE, config))
    level = numpy(pyramid_levels(regions, SIZE, config))
    assert len(set(level.flat)) > 2
    for image, region in np.ndindex(2, 12):
        chosen = int(level[image, region])
        expected = roi_align(features[chosen - 2][image], pixels[image, region], 2**chosen, 3)
        np.testing.assert_allclose(pooled[image, region], expected, atol=1e-4)


@WAYS
def test_align_pooling_of_a_ramp_gives_positions(pool: Pool) -> None:
    # The feature is its own pixel position, so each bin contains the position of its middle.
    ramp = np.broadcast_to(((np.arange(16) + 0.5) * 4)[:, None, None], (16, 16, 1)).astype(np.float32)[None]
    others = [np.zeros((1, 16 // s, 16 // s, 1), np.float32) for s in (2, 4, 8, 16)]
    regions = normalise(np.array([[[10.0, 10, 30, 30]]]), SIZE, SIZE)
    pooled = numpy(pool([ramp, *others], regions, 2, SIZE, Regions(pooling="align")))
    np.testing.assert_allclose(pooled[0, 0, :, 0, 0], [15, 25], atol=1e-4)
