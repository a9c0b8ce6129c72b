"""Box operations against values computed by hand, and both implementations of suppression against a greedy loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from keras import ops

from fmask.model import geometry

Suppress = Callable[[np.ndarray, np.ndarray, int, float], tuple[Any, Any]]

SUPPRESSIONS: dict[str, Suppress] = {"kernel": geometry.non_max_suppression, "portable": geometry.suppress_portable}


def box(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def random_boxes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return boxes (..., 4) inside [0, 1] with positive height and width."""
    corner, side = rng.uniform(0, 0.7, (*shape, 2)), rng.uniform(0.01, 0.3, (*shape, 2))
    return np.concatenate([corner, corner + side], axis=-1).astype(np.float32)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0, 0, 10, 10), 1.0),
        ((0, 5, 10, 15), 50 / 150),
        ((5, 5, 15, 15), 25 / 175),
        ((2, 3, 4, 8), 10 / 100),
        ((0, 10, 10, 20), 0.0),  # touching
        ((30, 30, 40, 40), 0.0),
        ((5, 5, 5, 5), 0.0),  # no area
    ],
)
def test_iou_by_hand(other: tuple[float, ...], expected: float) -> None:
    assert float(geometry.iou(box(0, 0, 10, 10), box(*other))[0, 0]) == pytest.approx(expected, abs=1e-6)


def test_iou_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    boxes, others = random_boxes(rng, 2, 5), random_boxes(rng, 2, 3)
    table = ops.convert_to_numpy(geometry.iou(boxes, others))
    assert table.shape == (2, 5, 3)
    single = ops.convert_to_numpy(geometry.iou(boxes[1, 4:], others[1, 2:]))
    assert table[1, 4, 2] == pytest.approx(single[0, 0])


def test_iou_of_boxes_without_area_is_zero() -> None:
    assert float(geometry.iou(box(0, 0, 0, 0), box(0, 0, 0, 0))[0, 0]) == 0


def test_encode_by_hand() -> None:
    # From centre (5, 10), 10 high and 20 wide, to centre (7, 5), 20 high and 10 wide.
    deltas = geometry.encode(box(0, 0, 10, 20), box(-3, 0, 17, 10))
    np.testing.assert_allclose(deltas, [[0.2, -0.25, np.log(2), -np.log(2)]], rtol=1e-6)


def test_decode_by_hand() -> None:
    moved = geometry.decode(box(0, 0, 10, 20), box(0.2, -0.25, np.log(2), -np.log(2)))
    np.testing.assert_allclose(moved, [[-3, 0, 17, 10]], atol=1e-5)


def test_decode_undoes_encode() -> None:
    rng = np.random.default_rng(1)
    boxes, targets = random_boxes(rng, 50), random_boxes(rng, 50)
    np.testing.assert_allclose(geometry.decode(boxes, geometry.encode(boxes, targets)), targets, atol=1e-5)


def test_extreme_deltas_give_large_but_finite_boxes() -> None:
    moved = ops.convert_to_numpy(geometry.decode(box(4, 4, 6, 6), box(0, 0, 1e4, -1e4)))
    np.testing.assert_allclose(moved, [[5 - 62.5, 5, 5 + 62.5, 5]], rtol=1e-5)


def test_encoding_empty_slots_stays_finite() -> None:
    assert np.isfinite(geometry.encode(box(0, 0, 0, 0), box(0, 0, 0, 0))).all()


def test_clip_to_the_image_and_to_a_window() -> None:
    outside = np.array([[-1, 0.2, 0.5, 2], [1.5, 1.5, 2, 2]], np.float32)
    np.testing.assert_allclose(geometry.clip(outside), [[0, 0.2, 0.5, 1], [1.0] * 4])
    windows = np.array([[[0.1, 0.3, 0.4, 0.9]]], np.float32)
    np.testing.assert_allclose(geometry.clip(outside[None], windows)[0, 0], [0.1, 0.3, 0.4, 0.9])


def greedy(boxes: np.ndarray, scores: np.ndarray, count: int, threshold: float) -> list[int]:
    """Return the kept boxes of one image by textbook suppression; of equal scores the earlier box comes first."""
    overlaps = ops.convert_to_numpy(geometry.iou(boxes, boxes))
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if scores[index] >= 0 and len(kept) < count and (overlaps[index, kept] <= threshold).all():
            kept.append(int(index))
    return kept


@pytest.mark.parametrize("suppress", SUPPRESSIONS.values(), ids=SUPPRESSIONS)
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7])
def test_suppression_is_greedy(suppress: Suppress, threshold: float) -> None:
    rng = np.random.default_rng(3)
    boxes, scores = random_boxes(rng, 4, 60), rng.uniform(-0.2, 1, (4, 60)).astype(np.float32)
    indices, valid = (ops.convert_to_numpy(values) for values in suppress(boxes, scores, 20, threshold))
    assert indices.shape == valid.shape == (4, 20)
    for image in range(4):
        assert indices[image][valid[image]].tolist() == greedy(boxes[image], scores[image], 20, threshold)
        assert (indices[image][~valid[image]] == 0).all()
    assert valid.all(axis=1).any() or threshold == 0.1  # an image reaches the count


def test_kernel_and_portable_suppression_agree_on_many_boxes() -> None:
    rng = np.random.default_rng(4)
    boxes, scores = random_boxes(rng, 3, 400), rng.uniform(-0.5, 1, (3, 400)).astype(np.float32)
    for kernel, portable in zip(
        *(suppress(boxes, scores, 100, 0.4) for suppress in SUPPRESSIONS.values()), strict=True
    ):
        np.testing.assert_array_equal(kernel, portable)


@pytest.mark.parametrize("suppress", SUPPRESSIONS.values(), ids=SUPPRESSIONS)
class TestSuppression:
    def test_keeps_one_of_equal_boxes_with_equal_scores(self, suppress: Suppress) -> None:
        indices, valid = suppress(np.tile(box(0, 0, 1, 1), (1, 5, 1)), np.full((1, 5), 0.5, np.float32), 5, 0.5)
        assert ops.convert_to_numpy(valid).tolist() == [[True, False, False, False, False]]
        assert ops.convert_to_numpy(indices).tolist() == [[0, 0, 0, 0, 0]]

    def test_keeps_separate_boxes_with_equal_scores_in_order(self, suppress: Suppress) -> None:
        boxes = np.array([[[0, 0, 0.1, 0.1], [0.5, 0.5, 0.6, 0.6], [0.8, 0, 0.9, 0.1]]], np.float32)
        indices, valid = suppress(boxes, np.full((1, 3), 0.5, np.float32), 3, 0.5)
        assert ops.convert_to_numpy(indices).tolist() == [[0, 1, 2]]
        assert ops.convert_to_numpy(valid).all()

    def test_without_boxes_nothing_is_kept(self, suppress: Suppress) -> None:
        indices, valid = suppress(np.zeros((2, 4, 4), np.float32), np.full((2, 4), -1, np.float32), 3, 0.5)
        assert not ops.convert_to_numpy(valid).any()
        assert not ops.convert_to_numpy(indices).any()

    def test_pads_when_the_count_exceeds_the_boxes(self, suppress: Suppress) -> None:
        boxes = np.array([[[0, 0, 0.1, 0.1], [0.5, 0.5, 0.6, 0.6]]], np.float32)
        indices, valid = suppress(boxes, np.array([[0.2, 0.9]], np.float32), 5, 0.5)
        assert ops.convert_to_numpy(indices).tolist() == [[1, 0, 0, 0, 0]]
        assert ops.convert_to_numpy(valid).tolist() == [[True, True, False, False, False]]

    def test_a_suppressed_box_suppresses_no_other(self, suppress: Suppress) -> None:
        # Each box overlaps the next with an IoU of one third; the first and the third do not overlap.
        boxes = np.array([[[0, 0, 1, 0.4], [0, 0.2, 1, 0.6], [0, 0.4, 1, 0.8]]], np.float32)
        indices, valid = suppress(boxes, np.array([[0.9, 0.8, 0.7]], np.float32), 3, 0.3)
        assert ops.convert_to_numpy(indices)[ops.convert_to_numpy(valid)].tolist() == [0, 2]
