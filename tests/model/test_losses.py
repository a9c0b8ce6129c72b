"""The five losses against plain NumPy, and for extreme inputs."""

from collections.abc import Callable

import numpy as np
import pytest
from keras import ops

from fmask.model import losses

B, A, R, P, K, S = 2, 30, 12, 5, 3, 4
RNG = np.random.default_rng(0)
MATCH = RNG.integers(-1, 2, (B, A)).astype(np.int32)
REGION_IDS = RNG.integers(0, K, (B, R)).astype(np.int32)
POSITIVE_IDS = np.array([[1, 2, 2, 0, 0], [1, 0, 0, 0, 0]], np.int32)


def normal(*shape: int) -> np.ndarray:
    return (2 * RNG.normal(size=shape)).astype(np.float32)


RPN_LOGITS, RPN_DELTAS, RPN_TARGET = normal(B, A, 2), normal(B, A, 4), normal(B, A, 4)
LOGITS, DELTAS, TARGET = normal(B, R, K), normal(B, P, K, 4), normal(B, P, 4)
MASK_LOGITS, MASK_TARGET = normal(B, P, S, S, K), RNG.integers(0, 2, (B, P, S, S)).astype(np.float32)


def cross_entropy(logits: np.ndarray, target: int) -> float:
    return -np.log(np.exp(logits[target]) / np.exp(logits).sum())


def huber(difference: np.ndarray) -> np.ndarray:
    return np.array([0.5 * d * d if abs(d) < 1 else abs(d) - 0.5 for d in difference])


def test_smooth_l1_by_hand() -> None:
    np.testing.assert_allclose(losses.smooth_l1(np.array([0, 0.5, -0.5, 1, -3])), [0, 0.125, 0.125, 0.5, 2.5])


def test_rpn_class_loss() -> None:
    terms = [cross_entropy(RPN_LOGITS[i], int(MATCH[i] == 1)) for i in np.ndindex(B, A) if MATCH[i] != 0]
    assert float(losses.rpn_class_loss(RPN_LOGITS, MATCH)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_rpn_bbox_loss() -> None:
    terms = [huber(RPN_TARGET[i] - RPN_DELTAS[i]) for i in np.ndindex(B, A) if MATCH[i] == 1]
    assert float(losses.rpn_bbox_loss(RPN_DELTAS, RPN_TARGET, MATCH)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_mrcnn_class_loss() -> None:
    weight = RNG.integers(0, 2, (B, R)).astype(np.float32)
    terms = [cross_entropy(LOGITS[i], int(REGION_IDS[i])) for i in np.ndindex(B, R) if weight[i]]
    assert float(losses.mrcnn_class_loss(LOGITS, REGION_IDS, weight)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_mrcnn_bbox_loss() -> None:
    terms = [huber(TARGET[i] - DELTAS[i][POSITIVE_IDS[i]]) for i in np.ndindex(B, P) if POSITIVE_IDS[i]]
    assert float(losses.mrcnn_bbox_loss(DELTAS, TARGET, POSITIVE_IDS)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_mrcnn_mask_loss() -> None:
    terms = []
    for i in np.ndindex(B, P):
        if POSITIVE_IDS[i]:
            predicted = 1 / (1 + np.exp(-MASK_LOGITS[i][..., POSITIVE_IDS[i]].astype(np.float64)))
            terms.append(-np.log(np.where(MASK_TARGET[i] == 1, predicted, 1 - predicted)))
    expected = np.mean(terms)
    assert float(losses.mrcnn_mask_loss(MASK_LOGITS, MASK_TARGET, POSITIVE_IDS)) == pytest.approx(expected, rel=1e-5)


EMPTY: dict[str, Callable[[], object]] = {
    "rpn_class": lambda: losses.rpn_class_loss(RPN_LOGITS, np.zeros_like(MATCH)),
    "rpn_bbox": lambda: losses.rpn_bbox_loss(RPN_DELTAS, RPN_TARGET, -np.ones_like(MATCH)),
    "mrcnn_class": lambda: losses.mrcnn_class_loss(LOGITS, REGION_IDS, np.zeros((B, R), np.float32)),
    "mrcnn_bbox": lambda: losses.mrcnn_bbox_loss(DELTAS, TARGET, np.zeros_like(POSITIVE_IDS)),
    "mrcnn_mask": lambda: losses.mrcnn_mask_loss(MASK_LOGITS, MASK_TARGET, np.zeros_like(POSITIVE_IDS)),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_loss_without_targets_is_zero(name: str) -> None:
    assert float(EMPTY[name]()) == 0  # type: ignore[arg-type]


EXTREME: dict[str, Callable[[float], object]] = {
    "rpn_class": lambda x: losses.rpn_class_loss(np.sign(RPN_LOGITS) * x, MATCH),
    "rpn_bbox": lambda x: losses.rpn_bbox_loss(RPN_DELTAS * x, RPN_TARGET, MATCH),
    "mrcnn_class": lambda x: losses.mrcnn_class_loss(np.sign(LOGITS) * x, REGION_IDS, np.ones((B, R), np.float32)),
    "mrcnn_bbox": lambda x: losses.mrcnn_bbox_loss(DELTAS * x, TARGET, POSITIVE_IDS),
    "mrcnn_mask": lambda x: losses.mrcnn_mask_loss(np.sign(MASK_LOGITS) * x, MASK_TARGET, POSITIVE_IDS),
}


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_outputs_give_large_but_finite_losses(name: str) -> None:
    loss = float(EXTREME[name](np.float32(1e4)))  # type: ignore[arg-type]
    assert 1e3 < loss < 1e5


@pytest.mark.parametrize("name", ["mrcnn_bbox", "mrcnn_mask"])
def test_only_the_class_of_the_object_counts(name: str) -> None:
    # Predictions for the third class do not matter when all objects are of the second class.
    ids = np.minimum(POSITIVE_IDS, 1)
    deltas, logits = DELTAS.copy(), MASK_LOGITS.copy()
    deltas[:, :, 2] += 5
    logits[..., 2] += 5
    if name == "mrcnn_bbox":
        before, after = losses.mrcnn_bbox_loss(DELTAS, TARGET, ids), losses.mrcnn_bbox_loss(deltas, TARGET, ids)
    else:
        before, after = (losses.mrcnn_mask_loss(each, MASK_TARGET, ids) for each in (MASK_LOGITS, logits))
    assert float(before) == float(after) > 0


def test_perfect_predictions_have_zero_loss() -> None:
    confident = np.where(MATCH[..., None] == 1, [-50, 50], [50, -50]).astype(np.float32)
    assert float(losses.rpn_class_loss(confident, MATCH)) == pytest.approx(0, abs=1e-6)
    assert float(losses.rpn_bbox_loss(RPN_TARGET, RPN_TARGET, MATCH)) == 0
    perfect = np.repeat((100 * MASK_TARGET - 50)[..., None], K, axis=-1)
    assert float(losses.mrcnn_mask_loss(perfect, MASK_TARGET, POSITIVE_IDS)) == pytest.approx(0, abs=1e-6)
    assert ops.shape(losses.mrcnn_mask_loss(perfect, MASK_TARGET, POSITIVE_IDS)) == ()
