"""Training targets of the region proposal network, computed by hand, and selection of proposals."""

import numpy as np
import pytest
from keras import ops

from fmask.model import geometry
from fmask.model.config import Proposals
from fmask.model.rpn import DELTA_STD, on_ignored, propose, rpn_targets

ANCHORS = np.array(
    [
        [0, 0, 10, 10],  # equals the first object
        [0, 0, 10, 8],  # IoU 0.8 with it
        [0, 0, 10, 5],  # IoU 0.5: neither
        [0, 0, 10, 2],  # IoU 0.2: background
        [50, 50, 60, 60],  # far away
        [20, 20, 40, 40],  # the best for the second object, although its IoU is 0.25
        [20, 60, 30, 70],  # on the object that some tests ignore
    ],
    np.float32,
)
BOXES = np.array([[0, 0, 10, 10], [20, 20, 30, 30], [20, 60, 30, 70], [0, 0, 0, 0]], np.float32)


def targets(
    class_ids: list[int], boxes: np.ndarray = BOXES, anchors: np.ndarray = ANCHORS
) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0).uniform(size=(1, len(anchors))).astype(np.float32)
    match, deltas = rpn_targets(anchors, boxes[None], np.array([class_ids], np.int32), noise)
    return ops.convert_to_numpy(match)[0], ops.convert_to_numpy(deltas)[0]


def test_matches_by_hand() -> None:
    match, _ = targets([1, 2, 0, 0])
    assert match.tolist() == [1, 1, 0, -1, -1, 1, -1]


@pytest.mark.parametrize(("width", "expected"), [(7.5, 1), (6.9, 0), (6.5, 0), (3.1, 0), (2.9, -1)])
def test_an_anchor_is_positive_from_an_iou_of_07_and_background_below_03(width: float, expected: int) -> None:
    anchors = np.array([[0, 0, 10, 10], [0, 0, 10, width]], np.float32)  # the second has IoU width / 10
    match, _ = targets([1, 0, 0, 0], anchors=anchors)
    assert match.tolist() == [1, expected]


def test_an_anchor_on_an_ignored_object_is_neither() -> None:
    match, _ = targets([1, 2, -1, 0])
    assert match.tolist() == [1, 1, 0, -1, -1, 1, 0]


def test_an_ignored_object_does_not_change_the_matches_of_others() -> None:
    match, _ = targets([-1, 1, 2, 0])
    assert match.tolist() == [0, 0, 0, 0, -1, 1, 1]


def test_without_objects_all_anchors_are_background() -> None:
    match, deltas = targets([0, 0, 0, 0])
    assert (match == -1).all()
    assert np.isfinite(deltas).all()


def test_deltas_lead_to_the_object_in_units_of_their_standard_deviations() -> None:
    match, deltas = targets([1, 2, 0, 0])
    np.testing.assert_allclose(deltas[0], 0, atol=1e-6)
    # From centre (5, 4), 8 wide, to centre (5, 5), 10 wide.
    np.testing.assert_allclose(deltas[1], [0, 1 / 8 / 0.1, 0, np.log(10 / 8) / 0.2], rtol=1e-5, atol=1e-6)
    moved = ops.convert_to_numpy(geometry.decode(ANCHORS, deltas * DELTA_STD))
    np.testing.assert_allclose(moved[5], BOXES[1], atol=1e-4)
    assert match[5] == 1


def test_each_image_of_a_batch_has_its_own_targets() -> None:
    class_ids = np.array([[1, 2, 0, 0], [0, 0, 0, 0]], np.int32)
    match, _ = rpn_targets(ANCHORS, np.stack([BOXES, BOXES]), class_ids, np.full((2, len(ANCHORS)), 0.5, np.float32))
    assert (ops.convert_to_numpy(match) == 1).sum(axis=1).tolist() == [3, 0]


@pytest.mark.parametrize(("positives", "expected"), [(300, (128, 128)), (100, (100, 156)), (0, (0, 256))])
def test_at_most_256_anchors_are_drawn_and_128_of_them_positive(positives: int, expected: tuple[int, int]) -> None:
    anchors = np.tile(np.array([[50, 50, 60, 60]], np.float32), (900, 1))
    anchors[:positives] = [0, 0, 10, 10]
    match, _ = targets([1], np.array([[0, 0, 10, 10]], np.float32), anchors)
    assert ((match == 1).sum(), (match == -1).sum()) == expected
    assert (match[:positives] != -1).all()
    assert (match[positives:] != 1).all()


def test_few_anchors_are_all_used() -> None:
    match, _ = targets([1], np.array([[0, 0, 10, 10]], np.float32), ANCHORS[[0, 4]])
    assert match.tolist() == [1, -1]


def test_noise_decides_the_draw() -> None:
    anchors = np.tile(np.array([[50, 50, 60, 60]], np.float32), (600, 1))
    noise = np.random.default_rng(1).uniform(size=(1, 600)).astype(np.float32)
    match, _ = rpn_targets(anchors, np.zeros((1, 1, 4), np.float32), np.zeros((1, 1), np.int32), noise)
    chosen = ops.convert_to_numpy(match)[0] == -1
    assert chosen.sum() == 256
    assert noise[0][chosen].min() > noise[0][~chosen].max()


def test_on_ignored_compares_with_the_candidates_area() -> None:
    ignored = np.array([[[0, 0, 10, 10]]], np.float32)
    candidates = np.array([[[2, 2, 4, 4], [0, 0, 100, 100], [0, 7, 10, 17], [0, 8, 10, 18]]], np.float32)
    assert ops.convert_to_numpy(on_ignored(candidates, ignored, np.array([[-1]])))[0].tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert not ops.convert_to_numpy(on_ignored(candidates, ignored, np.array([[1]]))).any()


def proposed(scores: list[float], deltas: np.ndarray | None = None, keep: int = 4, **settings: float) -> np.ndarray:
    """Return the proposals from four anchors: two overlap, one is separate, and one is partly outside the image."""
    anchors = np.array([[0, 0, 0.2, 0.2], [0, 0, 0.2, 0.19], [0.5, 0.5, 0.7, 0.7], [0.8, 0.8, 1.2, 1.4]], np.float32)
    logits = np.stack([np.zeros(4), scores], axis=-1)[None].astype(np.float32)
    deltas = np.zeros((1, 4, 4), np.float32) if deltas is None else deltas
    return ops.convert_to_numpy(propose(anchors, logits, deltas, Proposals(**settings), keep))[0]  # type: ignore[arg-type]


def test_proposals_are_sorted_clipped_suppressed_and_padded_with_zeros() -> None:
    expected = [[0.8, 0.8, 1, 1], [0, 0, 0.2, 0.2], [0.5, 0.5, 0.7, 0.7], [0.0] * 4]
    np.testing.assert_allclose(proposed([2, 1, 0, 3]), expected, atol=1e-6)


def test_only_the_best_are_kept() -> None:
    np.testing.assert_allclose(proposed([2, 1, 0, 3], keep=1), [[0.8, 0.8, 1, 1]], atol=1e-6)


def test_only_candidates_enter_the_suppression() -> None:
    found = proposed([3, 2, 0, 1], candidates=2)
    np.testing.assert_allclose(found, [[0, 0, 0.2, 0.2], [0.0] * 4, [0.0] * 4, [0.0] * 4], atol=1e-6)


def test_the_suppression_threshold_is_a_setting() -> None:
    assert proposed([2, 1, 0, 3], nms=0.99).any(axis=1).all()


def test_deltas_move_the_anchors() -> None:
    deltas = np.zeros((1, 4, 4), np.float32)
    deltas[0, 2] = [1, -2, 0, np.log(2) / 0.2]  # down by 0.1 of 0.2, left by 0.2 of 0.2, twice as wide
    np.testing.assert_allclose(proposed([0, 0, 9, 0], deltas)[0], [0.52, 0.36, 0.72, 0.76], atol=1e-5)
