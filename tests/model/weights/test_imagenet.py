"""With ImageNet weights, the backbone computes the same as the network of keras.applications."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from fmask.model.backbones.resnet import PIXEL_MEAN
from fmask.model.config import ModelConfig, Widths
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.imagenet import APPLICATIONS, load_imagenet
from fmask.model.weights.matterport import LoadReport


def load_random(backbone: str, folder: Path) -> tuple[MaskRCNN, keras.Model, LoadReport]:
    """Return a Mask R-CNN with the weights of a keras.applications file, that file's network, and what was loaded."""
    keras.utils.set_random_seed(0)
    source = APPLICATIONS[backbone](include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # values for which a wrong epsilon makes a difference
            shape = layer.gamma.shape
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, shape),
                    rng.normal(size=shape),
                    rng.normal(size=shape),
                    rng.uniform(1e-3, 2, shape),
                ]
            )
    file = folder / f"{backbone}.weights.h5"
    source.save_weights(file)
    network = MaskRCNN(backbone, 3, ModelConfig(widths=Widths(fpn=8, rpn=8, box=16, mask=8)))
    return network, source, load_imagenet(network, file)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[MaskRCNN, keras.Model]:
    network, source, loaded = load_random("resnet50", tmp_path_factory.mktemp("imagenet"))
    assert len(loaded.loaded) == 2 * 53
    assert all(not name.startswith(("res", "bn", "conv")) for name in loaded.random)
    return network, source


def test_the_stem_computes_the_same_from_rgb_images(pair: tuple[MaskRCNN, keras.Model]) -> None:
    network, source = pair
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    stem = keras.Model(source.input, source.get_layer("conv1_bn").output)
    expected = stem((image - np.array(PIXEL_MEAN, np.float32))[..., ::-1])
    found = keras.Model(network.trunk.input, network.trunk.get_layer("bn_conv1").output)(image)
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-3, atol=1e-3)


def test_the_stages_compute_the_same(pair: tuple[MaskRCNN, keras.Model]) -> None:
    network, source = pair
    pooled = np.random.default_rng(2).normal(size=(1, 16, 16, 64)).astype(np.float32)
    entry = network.trunk.get_layer("res2a_branch2a").input
    found = keras.Model(entry, network.trunk.get_layer("res5c_out").output)(pooled)
    expected = keras.Model(source.get_layer("pool1_pool").output, source.get_layer("conv5_block3_out").output)(pooled)
    scale = np.abs(ops.convert_to_numpy(expected)).max()
    np.testing.assert_allclose(ops.convert_to_numpy(found) / scale, ops.convert_to_numpy(expected) / scale, atol=1e-4)


def test_mobilenet_computes_the_same_from_rgb_images(tmp_path: Path) -> None:
    network, source, loaded = load_random("mobilenet_v2", tmp_path)
    assert len(loaded.loaded) == 2 * (1 + 3 * 17 - 1)
    image = np.random.default_rng(1).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)
    prepared = keras.applications.mobilenet_v2.preprocess_input(image.copy())
    for name, theirs in {"block2b_out": "block_2_add", "block4g_out": "block_12_add",
                         "block5d_project_bn": "block_16_project_BN"}.items():  # fmt: skip
        found = keras.Model(network.trunk.input, network.trunk.get_layer(name).output)(image)
        expected = ops.convert_to_numpy(keras.Model(source.input, source.get_layer(theirs).output)(prepared))
        np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-3 * np.abs(expected).max())
