"""The whole network: weights, losses, gradients and detections."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmask.model import preprocessing
from fmask.model.config import Detection, LossWeights, ModelConfig, Proposals, Regions
from fmask.model.mask_rcnn import LOSSES, MaskRCNN
from fmask.model.rpn import DELTA_STD, propose
from fmask.model.selection import select
from tests.helpers.networks import SIZE, batch, losses_of, settled, tiny


@pytest.fixture(scope="module")
def network() -> MaskRCNN:
    return tiny()


@pytest.fixture(scope="module")
def reference() -> MaskRCNN:
    """The published study's network."""
    return MaskRCNN("resnet50", 3, ModelConfig())


def test_the_reference_has_matterports_number_of_weights(reference: MaskRCNN) -> None:
    assert len(reference.weights) == 384
    assert sum(int(np.prod(weight.shape)) for weight in reference.weights) == 44_668_324


def test_the_reference_has_matterports_names_and_shapes(reference: MaskRCNN) -> None:
    folder = os.environ.get("FMASK_PARITY")
    if not folder or not Path(folder, "layout_resnet50.json").is_file():
        pytest.skip("set FMASK_PARITY to the folder with layout_resnet50.json, the layers of the reference")
    layout = json.loads(Path(folder, "layout_resnet50.json").read_text())
    expected = {tuple(name.removesuffix(":0").split("/")[-2:]): shape for _, name, shape in layout["weights"]}
    found = {tuple(weight.path.split("/")[-2:]): list(weight.shape) for weight in reference.weights}
    assert found == expected


@pytest.mark.parametrize("objects", [True, False])
def test_losses_are_finite_and_box_and_mask_losses_need_objects(network: MaskRCNN, objects: bool) -> None:
    values = {name: float(loss) for name, loss in losses_of(network, batch(objects)).items()}
    assert tuple(values) == LOSSES
    assert np.isfinite(list(values.values())).all()
    assert min(values["rpn_class_loss"], values["mrcnn_class_loss"]) > 0
    assert all((values[name] > 0) == objects for name in ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"))


def test_all_weights_get_gradients(network: MaskRCNN) -> None:
    with tf.GradientTape() as tape:
        total = sum(losses_of(network, batch()).values())
    variables = network.trainable_variables
    gradients = tape.gradient(total, [variable.value for variable in variables])
    without_gradient = [
        variable.path
        for variable, gradient in zip(variables, gradients, strict=True)
        if gradient is None or not np.isfinite(gradient).all() or not np.any(gradient)
    ]
    assert len(variables) > 100
    assert not without_gradient


@pytest.mark.parametrize("detach", [True, False])
def test_the_box_loss_trains_the_proposals_only_if_they_are_not_detached(detach: bool) -> None:
    network = settled(regions=Regions(count=8, positive=0.5, fill=True, detach_proposals=detach))
    images, targets = batch()
    _, logits, deltas = network.trunk(images)
    anchors = preprocessing.normalise(network.anchors(SIZE), SIZE, SIZE)
    found = propose(anchors, logits, deltas, network.config.proposals, 2)
    # The objects lie where the network proposes regions, so that proposals become positive regions.
    targets["boxes"][0, :2] = preprocessing.denormalise(ops.convert_to_numpy(found)[0] * 0.99, SIZE, SIZE)
    predictor = network.trunk.get_layer("rpn_bbox_pred").kernel
    with tf.GradientTape(persistent=True) as tape:
        losses = losses_of(network, (images, targets))
    assert float(losses["mrcnn_bbox_loss"]) > 0
    reached = {
        name
        for name in LOSSES
        if (gradient := tape.gradient(losses[name], predictor.value)) is not None and np.any(gradient)
    }
    assert reached == {"rpn_bbox_loss"} | (set() if detach else {"mrcnn_bbox_loss"})


@pytest.mark.parametrize(
    ("norm", "expected"), [("frozen", set()), ("batch", {"backbone", "pyramid"}), ("frozen_backbone", {"pyramid"})]
)
def test_training_updates_statistics_unless_they_are_frozen(norm: str, expected: set[str]) -> None:
    network = tiny(norm)
    statistics = [weight for weight in network.weights if "moving" in weight.path]
    before = [weight.numpy() for weight in statistics]
    losses_of(network, batch())
    moved: dict[str, list[bool]] = {"backbone": [], "pyramid": []}
    for weight, old in zip(statistics, before, strict=True):
        place = "pyramid" if "fpn" in weight.path else "backbone"
        moved[place].append(not np.array_equal(weight, old))
    assert len(moved["backbone"]) > 30
    for place, changes in moved.items():
        assert all(changes) if place in expected else not any(changes)


def test_validation_does_not_change_the_draws_of_training(network: MaskRCNN) -> None:
    network.compile()
    before = [np.array(variable) for variable in network.variables if "mean" not in variable.path]
    first = network.test_on_batch(*batch(), return_dict=True)
    assert network.test_on_batch(*batch(), return_dict=True) == first, "validation is not deterministic"
    after = [np.array(variable) for variable in network.variables if "mean" not in variable.path]
    for one, same in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, same)


def test_ignored_objects_are_not_positives(network: MaskRCNN) -> None:
    images, targets = batch()
    targets["class_ids"] = -np.abs(targets["class_ids"])
    values = losses_of(network, (images, targets))
    assert float(values["mrcnn_mask_loss"]) == float(values["rpn_bbox_loss"]) == 0


def test_the_reference_configuration_runs() -> None:
    network = tiny("frozen", regions=Regions(), proposals=Proposals(candidates=200, train=50))
    assert np.isfinite([float(loss) for loss in losses_of(network, batch()).values()]).all()


def test_detections_have_fixed_shapes_and_come_best_first(network: MaskRCNN) -> None:
    window = preprocessing.normalise(np.array([[0, 0, SIZE, SIZE], [10, 0, 50, SIZE]]), SIZE, SIZE)
    found = {
        key: ops.convert_to_numpy(value) for key, value in network({"image": batch()[0], "window": window}).items()
    }
    shapes = {key: value.shape for key, value in found.items()}
    assert shapes == {"boxes": (2, 6, 4), "class_ids": (2, 6), "scores": (2, 6), "masks": (2, 6, 28, 28)}
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    assert (found["class_ids"] > 0).any()
    assert (found["class_ids"] <= 2).all()
    assert ((found["masks"] >= 0) & (found["masks"] <= 1)).all()
    seen = found["boxes"][1][found["class_ids"][1] > 0]
    assert (seen >= window[1, [0, 1, 0, 1]] - 1e-6).all()
    assert (seen <= window[1, [2, 3, 2, 3]] + 1e-6).all()


# Selection of detections by hand: separate and overlapping regions, each with one likely class.

REGIONS = np.array(
    [
        [0.1, 0.1, 0.3, 0.3],  # a mask
        [0.1, 0.1, 0.3, 0.29],  # the same mask, with a lower score
        [0.1, 0.1, 0.3, 0.28],  # a hat in the same place
        [0.5, 0.5, 0.7, 0.7],  # background
        [0.8, 0.8, 0.9, 0.9],  # a hat
        [0, 0, 0, 0],  # padding, which is ignored whatever its class
    ],
    np.float32,
)
CLASSES = [1, 1, 2, 0, 2, 1]
SCORES = [0.9, 0.8, 0.7, 0.99, 0.6, 0.95]


def selected(
    deltas: np.ndarray | None = None, window: tuple[float, ...] = (0, 0, 1, 1), **settings: float
) -> list[np.ndarray]:
    probabilities = np.array([[(1 - score) / 2] * 3 for score in SCORES])
    probabilities[range(6), CLASSES] = SCORES
    deltas = np.zeros((6, 3, 4), np.float32) if deltas is None else deltas
    config = ModelConfig(detection=Detection(**({"count": 4} | settings)))  # type: ignore[arg-type]
    logits = np.log(probabilities).astype(np.float32)
    found = select(REGIONS[None], logits[None], deltas[None], np.array([window], np.float32), config)
    return [ops.convert_to_numpy(part)[0] for part in found]


def test_selection_suppresses_only_within_a_class() -> None:
    boxes, class_ids, scores = selected()
    assert class_ids.tolist() == [1, 2, 2, 0]
    np.testing.assert_allclose(scores, [0.9, 0.7, 0.6, 0], rtol=1e-5)
    np.testing.assert_allclose(boxes, [REGIONS[0], REGIONS[2], REGIONS[4], [0] * 4], atol=1e-6)


def test_selection_reports_nothing_below_the_floor() -> None:
    assert selected(floor=0.65)[1].tolist() == [1, 2, 0, 0]
    assert selected(floor=0.95)[1].tolist() == [0, 0, 0, 0]


def test_selection_keeps_the_best() -> None:
    assert selected(count=1)[1].tolist() == [1]


def test_selection_allows_overlap_up_to_the_threshold() -> None:
    assert selected(nms=0.99)[1].tolist() == [1, 1, 2, 2]


def test_selection_applies_the_deltas_of_the_class_and_clips_to_the_window() -> None:
    deltas = np.zeros((6, 3, 4), np.float32)
    deltas[4, 2, :2] = np.array([0.5, 0.5]) / DELTA_STD[:2]  # by half of 0.1
    deltas[4, 1] = 9
    boxes, _, _ = selected(deltas, window=(0.2, 0, 0.92, 1))
    np.testing.assert_allclose(boxes[0], [0.2, 0.1, 0.3, 0.3], atol=1e-6)
    np.testing.assert_allclose(boxes[2], [0.85, 0.85, 0.92, 0.95], atol=1e-6)


def test_the_total_loss_includes_the_mean_squares_of_kernels_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny(loss=LossWeights(l2=0.5))
    losses = {name: ops.convert_to_tensor(np.float32(number)) for number, name in enumerate(LOSSES)}
    decaying = [weight for weight in network.trainable_variables if weight.name in ("kernel", "bias")]
    expected = sum(range(5)) + 0.5 * sum(float(np.mean(np.square(weight))) for weight in decaying)
    monkeypatch.setattr(network, "losses_of", lambda *_: losses)
    assert float(network.compute_loss(x=batch()[0])) == pytest.approx(expected, rel=1e-5)


def test_instances_without_masks_train_everything_but_the_masks() -> None:
    network, (images, targets) = settled(), batch()
    whole = losses_of(network, (images, targets), training=False)
    none = losses_of(network, (images, targets | {"masks": np.full_like(targets["masks"], -1)}), training=False)
    assert float(whole["mrcnn_mask_loss"]) > 0
    assert float(none["mrcnn_mask_loss"]) == 0
    masks = targets["masks"].copy()
    masks[0, 1] = -1
    some = losses_of(network, (images, targets | {"masks": masks}), training=False)
    assert float(some["mrcnn_mask_loss"]) not in (0.0, float(whole["mrcnn_mask_loss"]))
    for name in set(whole) - {"mrcnn_mask_loss"}:
        assert float(whole[name]) == float(none[name]) == float(some[name])
