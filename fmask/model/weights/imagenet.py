"""ImageNet weights of keras.applications for the backbone."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.norm import EPSILON
from fmask.model.weights.matterport import LoadReport, layers_of

APPLICATIONS = {"resnet50": keras.applications.ResNet50, "resnet101": keras.applications.ResNet101}
KERAS_EPSILON = 1.001e-5
"""Epsilon of the batch normalisation in the ResNets of keras.applications."""
KERAS_BRANCHES = {"branch1": 0, "branch2a": 1, "branch2b": 2, "branch2c": 3}


def load_imagenet(network: MaskRCNN, path: Path | None) -> LoadReport:
    """Load the weights of a keras.applications network into the backbone of `network`.

    The networks of keras.applications expect BGR images and use another epsilon in their normalisation. The first
    kernel and all scales are converted, so that the backbone of `network`, which expects RGB, computes the same.

    Args:
        network: the network to change.
        path: the weight file of keras.applications; None for random weights.
    """
    source = APPLICATIONS[network.backbone](include_top=False, weights=str(path) if path else None)
    layers = layers_of(network)
    loaded = []
    for name, keras_name in _layer_names(list(layers)):
        values = [np.asarray(weight) for weight in source.get_layer(keras_name).weights]
        if name == "conv1":
            values[0] = values[0][:, :, ::-1]
        if name.startswith("bn"):
            gamma, beta, mean, variance = values
            values = [gamma * np.sqrt((variance + EPSILON) / (variance + KERAS_EPSILON)), beta, mean, variance]
        layers[name].set_weights(values)
        loaded.append(name)
    random = tuple(name for name in layers if name not in loaded)
    return LoadReport(path or Path("imagenet"), tuple(loaded), random, skipped=())


def _layer_names(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the name of each backbone layer in a Mask R-CNN and in keras.applications."""
    for name in names:
        kind = "bn" if name.startswith("bn") else "conv"
        if name in ("conv1", "bn_conv1"):
            yield name, f"conv1_{kind}"
        elif name.startswith(("res", "bn")):
            block, branch = name.removeprefix("res").removeprefix("bn").split("_")
            yield name, f"conv{block[0]}_block{ord(block[1]) - ord('a') + 1}_{KERAS_BRANCHES[branch]}_{kind}"
