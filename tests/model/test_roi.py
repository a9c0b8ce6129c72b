"""Regions of interest: levels, pooling against independent implementations, sampling and mask targets by hand."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmask.model.config import Regions
from fmask.model.frame import normalise
from fmask.model.roi import box_targets, mask_targets, pool_regions, positive_slots, pyramid_levels, sample_regions

SIZE = 64
CHANNELS = 3


def numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def levels(side: float, size: int, **settings: object) -> int:
    """The level of a square region of `side` pixels in an image of `size`; normalised boxes are a pixel short."""
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


def test_the_level_of_no_region_is_finite() -> None:
    assert levels(0, 128) == 2


def pyramid(rng: np.random.Generator, batch: int = 2) -> list[np.ndarray]:
    return [rng.normal(size=(batch, SIZE // s, SIZE // s, CHANNELS)).astype(np.float32) for s in (4, 8, 16, 32, 64)]


def random_regions(rng: np.random.Generator, count: int) -> np.ndarray:
    """Normalised boxes (2, count, 4) of all sizes, some of which reach outside the image."""
    corner, side = rng.uniform(-0.2, 0.9, (2, count, 2)), rng.uniform(0.01, 1, (2, count, 2)) ** 2
    return np.concatenate([corner, corner + side], axis=-1).astype(np.float32)


def test_crop_pooling_is_crop_and_resize() -> None:
    rng = np.random.default_rng(0)
    features, regions, config = pyramid(rng), random_regions(rng, 40), Regions(canonical=20.0)
    pooled = numpy(pool_regions(features, regions, 7, SIZE, config))
    level = numpy(pyramid_levels(regions, SIZE, config))
    assert set(level.flat) == {2, 3, 4, 5}
    assert pooled.shape == (2, 40, 7, 7, CHANNELS)
    for image, region in np.ndindex(2, 40):
        feature = features[level[image, region] - 2][image]
        expected = tf.image.crop_and_resize(feature[None], regions[image, [region]], [0], [7, 7])[0]
        np.testing.assert_allclose(pooled[image, region], expected, atol=1e-4)


def test_gradients_of_crop_pooling_are_those_of_crop_and_resize() -> None:
    rng = np.random.default_rng(4)
    features, regions, config = pyramid(rng), random_regions(rng, 40), Regions(canonical=20.0)
    weights = rng.normal(size=(80, 7, 7, CHANNELS)).astype(np.float32)
    level = numpy(pyramid_levels(regions, SIZE, config)).reshape(-1)
    kept = [tf.constant(feature) for feature in features[:4]]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(kept)
        ours = tf.reduce_sum(
            tf.reshape(pool_regions([*kept, features[4]], regions, 7, SIZE, config), (80, 7, 7, -1)) * weights
        )
        theirs = 0.0
        for index, feature in enumerate(kept):
            here = np.flatnonzero(level == index + 2)
            crops = tf.image.crop_and_resize(feature, regions.reshape(-1, 4)[here], here // 40, [7, 7])
            theirs += tf.reduce_sum(crops * weights[here])
    for found, expected in zip(tape.gradient(ours, kept), tape.gradient(theirs, kept), strict=True):
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_region_that_ends_at_the_border_is_pooled_whole() -> None:
    """In the reference rounding puts the last sampling points of some of these regions outside."""
    start = np.random.default_rng(3).uniform(0, 0.9, (2, 200, 2))
    regions = np.concatenate([start, np.ones_like(start)], axis=-1).astype(np.float32)
    ones = [np.ones((2, SIZE // stride, SIZE // stride, 1), np.float32) for stride in (4, 8, 16, 32, 64)]
    pool = tf.function(lambda boxes: pool_regions(ones, boxes, 7, SIZE, Regions()))
    for pooled in (pool_regions(ones, regions, 7, SIZE, Regions()), pool(regions)):
        np.testing.assert_allclose(numpy(pooled), 1, atol=1e-4)


def bilinear(feature: np.ndarray, y: float, x: float) -> np.ndarray:
    """Detectron2's sample at a point among pixel centres: 0 beyond one pixel outside, else the nearest inside."""
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
    """ROIAlign of a pixel box with two by two samples a bin, one sample after the other."""
    y1, x1, y2, x2 = box / stride
    pooled = np.zeros((bins, bins, feature.shape[-1]))
    for row, column, sub_row, sub_column in np.ndindex(bins, bins, 2, 2):
        y = y1 + (row + (sub_row + 0.5) / 2) * (y2 - y1) / bins - 0.5
        x = x1 + (column + (sub_column + 0.5) / 2) * (x2 - x1) / bins - 0.5
        pooled[row, column] += bilinear(feature, y, x) / 4
    return pooled


def test_align_pooling_is_roi_align() -> None:
    rng = np.random.default_rng(1)
    features = pyramid(rng)
    corner, side = rng.uniform(-8, 56, (2, 12, 2)), rng.uniform(2, 64, (2, 12, 2))
    pixels = np.concatenate([corner, corner + side], axis=-1)
    regions, config = normalise(pixels, SIZE, SIZE), Regions(pooling="align", canonical=40.0, rounding="floor")
    pooled = numpy(pool_regions(features, regions, 3, SIZE, config))
    level = numpy(pyramid_levels(regions, SIZE, config))
    assert len(set(level.flat)) > 2
    for image, region in np.ndindex(2, 12):
        chosen = level[image, region]
        expected = roi_align(features[chosen - 2][image], pixels[image, region], 2**chosen, 3)
        np.testing.assert_allclose(pooled[image, region], expected, atol=1e-4)


def test_align_pooling_of_a_ramp_gives_positions() -> None:
    # A feature that says its own pixel position: each bin holds the position of its middle.
    ramp = np.broadcast_to(((np.arange(16) + 0.5) * 4)[:, None, None], (16, 16, 1)).astype(np.float32)[None]
    others = [np.zeros((1, 16 // s, 16 // s, 1), np.float32) for s in (2, 4, 8, 16)]
    regions = normalise(np.array([[[10.0, 10, 30, 30]]]), SIZE, SIZE)
    pooled = numpy(pool_regions([ramp, *others], regions, 2, SIZE, Regions(pooling="align")))
    np.testing.assert_allclose(pooled[0, 0, :, 0, 0], [15, 25], atol=1e-4)


# Sampling.

OBJECTS = np.array([[[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.8], [0, 0, 0, 0]]], np.float32)
CLASS_IDS = np.array([[1, 2, -1, 0]], np.int32)
PROPOSALS = np.array(
    [
        [
            [0.1, 0.1, 0.3, 0.3],  # on the first object
            [0.5, 0.5, 0.9, 0.8],  # on the second, by 0.75
            [0.1, 0.6, 0.3, 0.8],  # on the ignored one
            [0.1, 0.7, 0.3, 0.9],  # half on the ignored one
            [0.5, 0.0, 0.7, 0.2],  # background
            [0.7, 0.0, 0.9, 0.2],  # background
            [0.5, 0.5, 0.9, 0.65],  # on the second, by 0.375: background
            [0, 0, 0, 0],  # none
            [0, 0, 0, 0],
        ]
    ],
    np.float32,
)


def sampled(seed: int = 0, proposals: np.ndarray = PROPOSALS, class_ids: np.ndarray = CLASS_IDS, **settings: object):
    config = Regions(**({"count": 8, "positive": 0.5} | settings))  # type: ignore[arg-type]
    extra = OBJECTS.shape[1] if config.add_objects else 0
    noise = np.random.default_rng(seed).uniform(size=(1, proposals.shape[1] + extra)).astype(np.float32)
    return [numpy(part)[0] for part in sample_regions(proposals, OBJECTS, class_ids, noise, config)]


def rows(boxes: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(np.round(box.tolist(), 3).tolist()) for box in boxes}


def test_slots_of_the_reference() -> None:
    assert positive_slots(Regions()) == 10


def test_positives_come_first_with_their_objects() -> None:
    regions, ids, valid, matched = sampled()
    assert rows(regions[:4][valid[:4]]) == rows(PROPOSALS[0, :2])
    assert valid[:4].tolist() == [True, True, False, False]
    for region, class_id, instance in zip(regions[:2], ids[:2], matched[:2], strict=True):
        assert (class_id, instance) == ((1, 0) if region[0] < 0.4 else (2, 1))
    assert ids[2:].tolist() == [0] * 6
    assert (regions[~valid] == 0).all()


def test_negatives_are_background_and_keep_the_ratio() -> None:
    regions, _, valid, _ = sampled()
    assert valid[4:].tolist() == [True, True, False, False]  # as many as positives
    background = rows(PROPOSALS[0, 4:7])
    drawn = [rows(sampled(seed)[0][4:6]) for seed in range(20)]
    assert all(one < background for one in drawn)
    assert set.union(*drawn) == background
    assert rows(regions[4:6]) == drawn[0]


def test_filling_up_ignores_the_ratio() -> None:
    regions, _, valid, _ = sampled(fill=True)
    assert rows(regions[4:][valid[4:]]) == rows(PROPOSALS[0, 4:7])


def test_on_an_ignored_object_nothing_is_learned() -> None:
    for seed in range(5):
        assert not rows(sampled(seed, fill=True)[0]) & rows(PROPOSALS[0, 2:4])


def test_without_objects_only_filling_up_gives_background() -> None:
    nothing = np.zeros_like(CLASS_IDS)
    assert not sampled(class_ids=nothing)[2].any()
    regions, ids, valid, _ = sampled(class_ids=nothing, fill=True)
    assert valid.tolist() == [False] * 4 + [True] * 4
    assert not ids.any()
    assert regions[valid].any(axis=1).all()  # padding is never drawn


def test_more_positives_than_slots_are_drawn_from() -> None:
    proposals = np.repeat(PROPOSALS[:, :1], 12, axis=1) + np.linspace(0, 0.01, 12, dtype=np.float32)[None, :, None]
    regions, ids, valid, _ = sampled(proposals=proposals)
    assert ids.tolist() == [1] * 4 + [0] * 4
    assert valid.tolist() == [True] * 4 + [False] * 4
    assert len(rows(regions[:4])) == 4


def test_annotated_boxes_can_join_the_proposals() -> None:
    regions, ids, valid, matched = sampled(proposals=PROPOSALS[:, 4:], add_objects=True)
    assert rows(regions[:4][valid[:4]]) == rows(OBJECTS[0, :2])
    assert sorted(zip(ids[:2].tolist(), matched[:2].tolist(), strict=True)) == [(1, 0), (2, 1)]


def test_reference_ratio_leaves_two_of_32_empty() -> None:
    proposals = np.concatenate(
        [np.repeat(PROPOSALS[:, :1], 50, axis=1), np.repeat(PROPOSALS[:, 4:5], 50, axis=1)], axis=1
    )
    _, ids, valid, _ = sampled(proposals=proposals, count=32, positive=0.33)
    assert (ids > 0).sum() == 10
    assert valid.sum() == 30


# Targets.


def test_box_targets_by_hand() -> None:
    regions = np.array([[[0.5, 0.5, 0.9, 0.7], [0.1, 0.1, 0.3, 0.3]]], np.float32)
    targets = numpy(box_targets(regions, OBJECTS, np.array([[1, 0]])))
    # From centre (0.7, 0.6), 0.2 wide, to centre (0.7, 0.7), 0.4 wide; the other lies on its object.
    np.testing.assert_allclose(targets, [[[0, 5, 0, np.log(2) / 0.2], [0, 0, 0, 0]]], rtol=1e-4, atol=1e-5)


def masked(region: tuple[float, ...], mask: np.ndarray, side: int) -> np.ndarray:
    """The target of one region for the second of two objects, which fills (0.2, 0.2, 0.6, 0.6) with `mask`."""
    boxes = np.array([[[0, 0, 0.1, 0.1], [0.2, 0.2, 0.6, 0.6]]], np.float32)
    masks = np.stack([np.zeros_like(mask), mask])[None].astype(np.float32)
    return numpy(mask_targets(np.array([[region]], np.float32), boxes, masks, np.array([[1]]), side))[0, 0]


HALF = np.zeros((8, 8))
HALF[:, 4:] = 1


def test_a_mask_seen_from_its_own_box_is_itself() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (8, 8))
    np.testing.assert_array_equal(masked((0.2, 0.2, 0.6, 0.6), mask, 8), mask)


def test_a_mask_seen_from_its_right_half_is_full() -> None:
    np.testing.assert_array_equal(masked((0.2, 0.45, 0.6, 0.6), HALF, 4), np.ones((4, 4)))


def test_a_mask_is_nothing_outside_its_box() -> None:
    # A region twice as high as the object, from the middle of which it starts: its lower half sees nothing.
    seen = masked((0.2, 0.2, 1.0, 0.6), np.ones((8, 8)), 8)
    np.testing.assert_array_equal(seen[:4], np.ones((4, 8)))
    np.testing.assert_array_equal(seen[4:], np.zeros((4, 8)))


def test_mask_targets_are_crop_and_resize_of_the_reference() -> None:
    rng = np.random.default_rng(2)
    mask = (rng.uniform(size=(56, 56)) > 0.5).astype(np.float32)
    for region in random_regions(rng, 10)[0] * 0.5 + 0.1:
        y1, x1, y2, x2 = (region - 0.2) / 0.4
        expected = tf.image.crop_and_resize(mask[None, ..., None], [[y1, x1, y2, x2]], [0], [28, 28])
        seen = masked(tuple(region), mask, 28)
        assert (seen != np.round(expected[0, ..., 0])).mean() < 0.01  # values of one half may round either way


def test_empty_slots_have_finite_targets() -> None:
    nothing = np.zeros((1, 2, 4), np.float32)
    assert np.isfinite(numpy(box_targets(nothing, OBJECTS, np.zeros((1, 2), np.int32)))).all()
    assert np.isfinite(masked((0, 0, 0, 0), HALF, 4)).all()
