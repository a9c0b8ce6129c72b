"""Trainable layers for each choice."""

import pytest

from fmask.model.config import LAYERS
from fmask.model.freezing import freeze_except
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.matterport import layers_of
from tests.helpers.networks import tiny


@pytest.fixture(scope="module")
def network() -> MaskRCNN:
    return tiny()


@pytest.mark.parametrize(
    ("choice", "trainable", "frozen"),
    [
        ("all", ["conv1", "bn_conv1", "res2a_branch2a", "mrcnn_mask"], []),
        ("3+", ["res3a_branch2a", "bn3a_branch2a", "res5b_branch2b", "fpn_p2"], ["conv1", "bn_conv1", "bn2b_branch2b"]),
        ("4+", ["res4a_branch1", "rpn_class_raw"], ["res3b_branch2a", "bn3b_branch2a"]),
        ("5+", ["res5a_branch2a", "mrcnn_bbox_fc"], ["res4b_branch2b", "conv1"]),
        ("heads", ["fpn_c5p5", "rpn_conv_shared", "mrcnn_class_conv1"], ["res5b_branch2b", "bn5b_branch2b"]),
    ],
)
def test_layers_of_a_choice(network: MaskRCNN, choice: str, trainable: list[str], frozen: list[str]) -> None:
    freeze_except(network, choice)
    layers = layers_of(network)
    assert [name for name in trainable if not layers[name].trainable] == []
    assert [name for name in frozen if layers[name].trainable] == []


def test_each_choice_trains_less_than_the_one_before(network: MaskRCNN) -> None:
    counts = []
    for choice in LAYERS:
        freeze_except(network, choice)
        counts.append(len(network.trainable_variables))
    assert counts == sorted(set(counts), reverse=True)
