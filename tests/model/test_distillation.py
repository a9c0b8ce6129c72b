"""A student learns from the means of its teachers' outputs, in the regions that it is trained on."""

import numpy as np
import pytest
from keras import ops

from fmask.model.distillation import Drawn, HeadOutputs, Teachers
from fmask.model.mask_rcnn import MaskRCNN
from tests.helpers.networks import SIZE, batch, losses_of, settled, tiny

HEADS = ("mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
NONE = dict.fromkeys(HEADS, 0.0)


def drawn() -> Drawn:
    """Return four regions of each of two images, of which the first two are positive."""
    regions = np.tile(np.array([[0.1, 0.1, 0.5, 0.5], [0.3, 0.2, 0.9, 0.7], [0, 0, 1, 1], [0, 0, 0, 0]]), (2, 1, 1))
    ids = np.array([[1, 2], [2, 0]], np.int32)
    return Drawn(regions.astype(np.float32), np.array([[1, 1, 1, 0]] * 2, np.float32), ids, ids)


def outputs_of(network: MaskRCNN, images: np.ndarray, given: Drawn) -> HeadOutputs:
    pyramid, *_ = network.trunk(images, training=False)
    logits, deltas = network.classify(pyramid, given.regions, SIZE)
    return HeadOutputs(logits, deltas[:, :2], network.segment(pyramid, given.regions[:, :2], given.class_ids > 0, SIZE))


def test_a_teacher_has_nothing_to_teach_itself() -> None:
    network, (images, _), given = settled(), batch(), drawn()
    outputs = outputs_of(network, images, given)
    losses = Teachers([network], weight=1).mix(NONE, images, given, outputs)
    probabilities = np.asarray(ops.softmax(outputs.logits))
    entropy = -(probabilities * np.log(probabilities)).sum(axis=-1)
    assert float(losses["mrcnn_class_loss"]) == pytest.approx(entropy[:, :3].mean(), rel=1e-5)
    assert float(losses["mrcnn_bbox_loss"]) == pytest.approx(0, abs=1e-7)
    other = outputs_of(tiny(), images, given)
    moved = Teachers([network], weight=1).mix(NONE, images, given, other)
    assert all(float(moved[name]) > float(losses[name]) for name in HEADS)


def test_the_targets_are_means_over_teachers() -> None:
    first, second, (images, _), given = settled(), settled(backbone="efficientnet_lite0"), batch(), drawn()
    targets = [Teachers(each, 1)._targets(images, given) for each in ([first], [second], [first, second])]
    for one, two, both in zip(*targets, strict=True):
        assert np.asarray(one).shape == np.asarray(both).shape
        assert np.abs(np.asarray(one) - np.asarray(two)).max() > 1e-4
        np.testing.assert_allclose((np.asarray(one) + np.asarray(two)) / 2, np.asarray(both), atol=1e-6)


def test_losses_are_mixed_by_the_weight_and_in_training_only() -> None:
    teacher, inputs = settled(), batch()
    alone = {name: float(value) for name, value in losses_of(tiny(), inputs).items()}

    def taught(weight: float, training: bool = True) -> dict[str, float]:
        student = tiny()
        student.teachers = Teachers([teacher], weight)
        features = student.trunk(inputs[0], training=training)
        found = student.losses_of(features, inputs[1], SIZE, training, inputs[0])
        return {name: float(value) for name, value in found.items()}

    none, half, whole = map(taught, (0, 0.5, 1))
    assert none == alone
    for name in HEADS:
        assert whole[name] != pytest.approx(alone[name], rel=1e-3)
        assert half[name] == pytest.approx((alone[name] + whole[name]) / 2, rel=1e-5)
    assert {name: whole[name] for name in alone if name not in HEADS} == {
        name: alone[name] for name in alone if name not in HEADS
    }
    validated = losses_of(tiny(), inputs, training=False)
    assert taught(1, training=False) == {name: float(value) for name, value in validated.items()}


def test_teachers_are_not_part_of_their_student() -> None:
    student = tiny()
    before = len(student.weights), len(student.trainable_variables)
    student.teachers = Teachers([settled()], 0.5)
    assert (len(student.weights), len(student.trainable_variables)) == before
