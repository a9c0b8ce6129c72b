"""Backbones trained on ImageNet, as keras.applications has them."""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.norm import EPSILON
from fmask.model.weights.matterport import LoadReport, layers_of

APPLICATIONS = {"resnet50": keras.applications.ResNet50, "resnet101": keras.applications.ResNet101}
THEIR_EPSILON = 1.001e-5
"""Of the batch normalisation in keras.applications' ResNets."""
THEIR_BRANCH = {"branch1": 0, "branch2a": 1, "branch2b": 2, "branch2c": 3}


def load_imagenet(network: MaskRCNN, path: Path | None) -> LoadReport:
    """Gives the backbone of `network` the weights of a keras.applications file, None for random ones.

    Those networks see blue, green, red and divide by another epsilon in their normalisation: the first kernel and all
    scales are changed so that ours, which sees red, green, blue, computes the same.
    """
    source = APPLICATIONS[network.backbone](include_top=False, weights=str(path) if path else None)
    layers = layers_of(network)
    loaded = []
    for name, theirs in _names(list(layers)):
        values = [np.asarray(weight) for weight in source.get_layer(theirs).weights]
        if name == "conv1":
            values[0] = values[0][:, :, ::-1]
        if name.startswith("bn"):
            gamma, beta, mean, variance = values
            values = [gamma * np.sqrt((variance + EPSILON) / (variance + THEIR_EPSILON)), beta, mean, variance]
        layers[name].set_weights(values)
        loaded.append(name)
    random = tuple(name for name in layers if name not in loaded)
    return LoadReport(path or Path("imagenet"), tuple(loaded), random, skipped=())


def _names(ours: list[str]) -> Iterator[tuple[str, str]]:
    """The names of the backbone's layers, here and there."""
    for name in ours:
        kind = "bn" if name.startswith("bn") else "conv"
        if name in ("conv1", "bn_conv1"):
            yield name, f"conv1_{kind}"
        elif name.startswith(("res", "bn")):
            block, branch = name.removeprefix("res").removeprefix("bn").split("_")
            yield name, f"conv{block[0]}_block{ord(block[1]) - ord('a') + 1}_{THEIR_BRANCH[branch]}_{kind}"
