"""Sampling of regions of interest, and box and mask targets computed by hand."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmask.data.samples import box_mask
from fmask.model.config import Regions
from fmask.model.preprocessing import normalise, postprocess
from fmask.model.roi import box_targets, mask_targets, positive_slots, sample_regions
from tests.helpers.classes import CLASSES

SIZE = 64


def numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


OBJECTS = np.array([[[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.8], [0, 0, 0, 0]]], np.float32)
CLASS_IDS = np.array([[1, 2, -1, 0]], np.int32)
PROPOSALS = np.array(
    [
        [
            [0.1, 0.1, 0.3, 0.3],  # equals the first object
            [0.5, 0.5, 0.9, 0.8],  # IoU 0.75 with the second
            [0.1, 0.6, 0.3, 0.8],  # equals the ignored object
            [0.1, 0.7, 0.3, 0.9],  # half of it on the ignored object
            [0.5, 0.0, 0.7, 0.2],  # background
            [0.7, 0.0, 0.9, 0.2],  # background
            [0.5, 0.5, 0.9, 0.65],  # IoU 0.375 with the second: background
            [0, 0, 0, 0],  # empty slot
            [0, 0, 0, 0],
        ]
    ],
    np.float32,
)


def sampled(
    seed: int = 0, proposals: np.ndarray = PROPOSALS, class_ids: np.ndarray = CLASS_IDS, **settings: object
) -> list[np.ndarray]:
    config = Regions(**({"count": 8, "positive": 0.5} | settings))  # type: ignore[arg-type]
    extra = OBJECTS.shape[1] if config.add_objects else 0
    noise = np.random.default_rng(seed).uniform(size=(1, proposals.shape[1] + extra)).astype(np.float32)
    return [numpy(part)[0] for part in sample_regions(proposals, OBJECTS, class_ids, noise, config)]


def rows(boxes: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(np.round(box.tolist(), 3).tolist()) for box in boxes}


def test_number_of_positive_slots_in_the_reference() -> None:
    assert positive_slots(Regions()) == 10


def test_positives_come_first_with_their_objects() -> None:
    regions, ids, valid, matched = sampled()
    assert rows(regions[:4][valid[:4]]) == rows(PROPOSALS[0, :2])
    assert valid[:4].tolist() == [True, True, False, False]
    for region, class_id, instance in zip(regions[:2], ids[:2], matched[:2], strict=True):
        assert (class_id, instance) == ((1, 0) if region[0] < 0.4 else (2, 1))
    assert ids[2:].tolist() == [0] * 6
    assert (regions[~valid] == 0).all()


@pytest.mark.parametrize(("width", "positive"), [(0.5, True), (0.4921875, False)])
def test_a_region_is_positive_from_an_iou_of_exactly_05(width: float, positive: bool) -> None:
    objects = np.array([[[0, 0, 1, 1]]], np.float32)
    proposals = np.array([[[0, 0, 1, width], *[[0, 0, 0.1, 0.1]] * 7]], np.float32)  # the first one's IoU is its width
    noise = np.full((1, 8), 0.5, np.float32)
    _, ids, valid, _ = sample_regions(
        proposals, objects, np.array([[2]], np.int32), noise, Regions(count=4, positive=0.5)
    )
    assert (numpy(ids)[0, 0], bool(numpy(valid)[0, 0])) == ((2, True) if positive else (0, False))


def test_negatives_are_background_and_keep_the_ratio() -> None:
    regions, _, valid, _ = sampled()
    assert valid[4:].tolist() == [True, True, False, False]  # as many as positives
    background = rows(PROPOSALS[0, 4:7])
    drawn = [rows(sampled(seed)[0][4:6]) for seed in range(20)]
    assert all(one < background for one in drawn)
    assert set.union(*drawn) == background
    assert rows(regions[4:6]) == drawn[0]


def test_fill_ignores_the_ratio() -> None:
    regions, _, valid, _ = sampled(fill=True)
    assert rows(regions[4:][valid[4:]]) == rows(PROPOSALS[0, 4:7])


def test_regions_on_an_ignored_object_are_never_drawn() -> None:
    for seed in range(5):
        assert not rows(sampled(seed, fill=True)[0]) & rows(PROPOSALS[0, 2:4])


def test_without_objects_background_is_drawn_only_with_fill() -> None:
    nothing = np.zeros_like(CLASS_IDS)
    assert not sampled(class_ids=nothing)[2].any()
    regions, ids, valid, _ = sampled(class_ids=nothing, fill=True)
    assert valid.tolist() == [False] * 4 + [True] * 4
    assert not ids.any()
    assert regions[valid].any(axis=1).all()  # padding is never drawn


def test_positives_are_drawn_if_there_are_more_than_slots() -> None:
    proposals = np.repeat(PROPOSALS[:, :1], 12, axis=1) + np.linspace(0, 0.01, 12, dtype=np.float32)[None, :, None]
    regions, ids, valid, _ = sampled(proposals=proposals)
    assert ids.tolist() == [1] * 4 + [0] * 4
    assert valid.tolist() == [True] * 4 + [False] * 4
    assert len(rows(regions[:4])) == 4


def test_annotated_boxes_can_be_added_to_the_proposals() -> None:
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
    # From centre (0.7, 0.6), 0.2 wide, to centre (0.7, 0.7), 0.4 wide; the other region equals its object.
    np.testing.assert_allclose(targets, [[[0, 5, 0, np.log(2) / 0.2], [0, 0, 0, 0]]], rtol=1e-4, atol=1e-5)


def masked(region: tuple[float, ...], mask: np.ndarray, side: int) -> np.ndarray:
    """Return the target of a region matched with the second of two objects, whose `mask` fills (0.2, 0.2, 0.6, 0.6)."""
    boxes = np.array([[[0, 0, 0.1, 0.1], [0.2, 0.2, 0.6, 0.6]]], np.float32)
    masks = np.stack([np.zeros_like(mask), mask])[None].astype(np.float32)
    regions = np.array([[region]], np.float32)
    return numpy(mask_targets(regions, boxes, masks, np.array([[1]]), side, SIZE, "crop"))[0, 0]


HALF = np.zeros((8, 8))
HALF[:, 4:] = 1


def test_the_target_in_the_objects_own_box_is_its_mask() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (8, 8))
    np.testing.assert_array_equal(masked((0.2, 0.2, 0.6, 0.6), mask, 8), mask)


def test_the_target_in_the_right_half_of_the_box_is_full() -> None:
    np.testing.assert_array_equal(masked((0.2, 0.45, 0.6, 0.6), HALF, 4), np.ones((4, 4)))


def test_the_target_is_zero_outside_the_objects_box() -> None:
    # The region is twice as high as the object and starts at its top, so its lower half is empty.
    seen = masked((0.2, 0.2, 1.0, 0.6), np.ones((8, 8)), 8)
    np.testing.assert_array_equal(seen[:4], np.ones((4, 8)))
    np.testing.assert_array_equal(seen[4:], np.zeros((4, 8)))


def test_mask_targets_equal_crop_and_resize_of_the_reference() -> None:
    rng = np.random.default_rng(2)
    mask = (rng.uniform(size=(56, 56)) > 0.5).astype(np.float32)
    corner, side = rng.uniform(0, 0.55, (10, 2)), rng.uniform(0.01, 0.5, (10, 2))
    for region in np.concatenate([corner, corner + side], axis=-1).astype(np.float32):
        y1, x1, y2, x2 = (region - 0.2) / 0.4
        expected = tf.image.crop_and_resize(mask[None, ..., None], [[y1, x1, y2, x2]], [0], [28, 28])
        seen = masked(tuple(region), mask, 28)
        assert (seen != np.round(expected[0, ..., 0])).mean() < 0.01  # values near 0.5 may round either way


def aligned(region: tuple[float, ...], box: tuple[float, ...], mask: np.ndarray, side: int) -> np.ndarray:
    """Return the target with ROIAlign of a region for an object whose `mask` fills `box`, both in pixels."""
    regions, boxes = (normalise(np.array([[each]]), SIZE, SIZE) for each in (region, box))
    masks = mask[None, None].astype(np.float32)
    return numpy(mask_targets(regions, boxes, masks, np.zeros((1, 1), np.int32), side, SIZE, "align"))[0, 0]


def test_with_roi_align_targets_are_read_in_the_middle_of_cells() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (8, 8))
    box = (8, 8, 24, 24)
    np.testing.assert_array_equal(aligned(box, box, mask, 8), mask)
    # A region of four times the area: its middle quarter is the object.
    seen = aligned((0, 0, 32, 32), box, mask, 16)
    np.testing.assert_array_equal(seen[4:12, 4:12], mask)
    seen[4:12, 4:12] = 0
    assert not seen.any()
    np.testing.assert_array_equal(aligned((8, 16, 24, 24), box, HALF, 4), np.ones((4, 4)))
    np.testing.assert_array_equal(aligned((8, 8, 24, 16), box, HALF, 4), np.zeros((4, 4)))


def test_with_roi_align_a_disc_is_drawn_as_wide_as_it_is() -> None:
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    disc = np.column_stack([99.5 + 80 * np.cos(angle), 99.5 + 80 * np.sin(angle)])
    box = np.array([20, 20, 180, 180], np.float32)
    unit = normalise(box[None, None], 200, 200)
    masks, matched = box_mask(disc, box)[None, None].astype(np.float32), np.zeros((1, 1), np.int32)
    rows, columns = np.mgrid[:200, :200]
    expected = (columns - 99.5) ** 2 + (rows - 99.5) ** 2 <= 80**2
    overlap = {}
    for pooling in ("align", "crop"):
        target = numpy(mask_targets(unit, unit, masks, matched, 28, 200, pooling))[0]
        drawn = postprocess(box[None], np.array([1]), np.ones(1), target, 200, 200, CLASSES).masks[0]
        overlap[pooling] = (drawn & expected).sum() / (drawn | expected).sum()
    assert overlap["align"] >= 0.975
    assert 0.95 < overlap["crop"] < 0.965  # the reference's masks are a cell too narrow


@pytest.mark.parametrize("pooling", ["crop", "align"])
def test_empty_slots_have_finite_targets(pooling: str) -> None:
    nothing = np.zeros((1, 2, 4), np.float32)
    assert np.isfinite(numpy(box_targets(nothing, OBJECTS, np.zeros((1, 2), np.int32)))).all()
    masks, matched = np.ones((1, 2, 8, 8), np.float32), np.zeros((1, 2), np.int32)
    assert np.isfinite(numpy(mask_targets(nothing, nothing, masks, matched, 4, SIZE, pooling))).all()
