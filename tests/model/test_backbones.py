"""Backbones: sizes of the feature maps, stages, training in each normalisation, and weight files."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fmask.model.backbones import MODULES, backbone_of
from fmask.model.freezing import freeze_except
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.norm import Norm
from fmask.model.precision import layers_in
from fmask.model.weights.matterport import layers_of, load_weights, save_weights
from tests.helpers.networks import batch, tiny

SMALL = ("efficientnet_lite0", "mobilenet_v2")
CHANNELS = {
    "resnet18": [64, 128, 256, 512],
    "resnet50": [256, 512, 1024, 2048],
    "resnet101": [256, 512, 1024, 2048],
    "efficientnet_lite0": [24, 40, 112, 320],
    "mobilenet_v2": [24, 32, 96, 320],
}


@pytest.mark.parametrize("name", MODULES)
def test_the_maps_have_strides_4_to_32(name: str) -> None:
    maps = backbone_of(name).build(keras.Input((64, 96, 3)), name, Norm("frozen"))
    assert [each.shape[1:3] for each in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert [each.shape[-1] for each in maps] == CHANNELS[name]


@pytest.fixture(scope="module", params=SMALL)
def network(request: pytest.FixtureRequest) -> MaskRCNN:
    return tiny("batch", request.param)


@pytest.mark.parametrize(("choice", "first"), [("all", 1), ("3+", 3), ("4+", 4), ("5+", 5), ("heads", 6)])
def test_layers_of_a_choice(network: MaskRCNN, choice: str, first: int) -> None:
    freeze_except(network, choice)
    for layer, found in layers_of(network).items():
        stage = 1 if layer.startswith("stem") else int(layer[5]) if layer.startswith("block") else 6
        assert found.trainable == (stage >= first), layer


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("norm", ["frozen", "batch", "group"])
def test_it_trains(norm: str, precision: str) -> None:
    network = tiny(norm, "efficientnet_lite0", precision=precision)
    network.compile(keras.optimizers.SGD(1e-3))
    before = [np.array(weight) for weight in network.trainable_variables]
    losses = [network.train_on_batch(*batch()) for _ in range(2)]
    assert np.isfinite(losses).all()
    unchanged = [
        weight.path
        for weight, value in zip(network.trainable_variables, before, strict=True)
        if weight.path.endswith("_depthwise/kernel") and (np.asarray(weight) == value).all()
    ]
    assert unchanged == []
    assert sum(weight.path.endswith("_depthwise/kernel") for weight in network.trainable_variables) == 16


def test_bf16_is_near_fp32() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    maps = {}
    for precision in ("fp32", "bf16"):
        keras.utils.set_random_seed(0)
        with layers_in(precision):
            source = keras.Input((64, 64, 3))
            model = keras.Model(source, backbone_of("efficientnet_lite0").build(source, "", Norm("batch")))
        maps[precision] = [np.asarray(keras.ops.cast(each, "float32")) for each in model(image / 128 - 1)]
    for exact, rounded in zip(maps["fp32"], maps["bf16"], strict=True):
        assert np.abs(exact - rounded).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("name", SMALL)
def test_its_weight_file_is_read_back(name: str, tmp_path: Path) -> None:
    network, other = tiny("batch", name), tiny("batch", name)
    for weight in network.weights:
        weight.assign(weight + 1)
    save_weights(network, tmp_path / "weights.h5")
    report = load_weights(other, tmp_path / "weights.h5")
    assert (report.random, report.skipped) == ((), ())
    for layer, of_other in zip(layers_of(network).values(), layers_of(other).values(), strict=True):
        for found, expected in zip(of_other.get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
