"""ImageNet weights for the backbone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.norm import EPSILON
from fmask.model.weights.matterport import LoadReport, layers_of
from fmask.model.weights.packaged import packaged_tensors
from fmask.utils.errors import UserError

APPLICATIONS = {
    "resnet50": keras.applications.ResNet50,
    "resnet101": keras.applications.ResNet101,
    "mobilenet_v2": keras.applications.MobileNetV2,
}
RESNET_EPSILON = 1.001e-5
"""Epsilon of the batch normalisation in the ResNets of keras.applications; elsewhere it is that of this project."""
RESNET_BRANCHES = {"branch1": 0, "branch2a": 1, "branch2b": 2, "branch2c": 3}
PACKAGED_CONVOLUTIONS = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"),
                         "project": ("_project_conv", "_bn2")}  # fmt: skip
PACKAGED_NORM = ("weight", "bias", "running_mean", "running_var")

Values = dict[str, list[np.ndarray]]
"""The weights of each layer of the backbone, in the order of `Layer.set_weights`."""


def load_imagenet(network: MaskRCNN, path: Path | None) -> LoadReport:
    """Load ImageNet weights into the backbone of `network`, so that it computes the same as their own network.

    Args:
        network: the network to change.
        path: the file that `find_weights` found; for a network of keras.applications, None loads random weights.

    Raises:
        UserError: `network` has group normalisation, or the file is not the published one.
    """
    if network.config.norm == "group":
        raise UserError(
            "weights=imagenet belongs to networks with batch normalisation; use norm=frozen or norm=batch, not "
            "norm=group."
        )
    layers = layers_of(network)
    if network.backbone in APPLICATIONS:
        source = APPLICATIONS[network.backbone](include_top=False, weights=str(path) if path else None)
        of_layer = {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in source.layers}
        values = _from_mobilenet(list(layers), of_layer) if "stem" in layers else _from_resnet(list(layers), of_layer)
    else:
        assert path is not None
        values = _from_package(list(layers), packaged_tensors(path))
    for name, of in values.items():
        layers[name].set_weights(of)
    random = tuple(name for name in layers if name not in values)
    return LoadReport(path or Path("imagenet"), tuple(values), random, skipped=())


def _from_resnet(names: Sequence[str], source: Mapping[str, list[np.ndarray]]) -> Values:
    """Convert the weights of a ResNet of keras.applications, which expects BGR images and has another epsilon."""
    values: Values = {}
    for name in names:
        kind = "bn" if name.startswith("bn") else "conv"
        if name in ("conv1", "bn_conv1"):
            values[name] = source[f"conv1_{kind}"]
        elif name.startswith(("res", "bn")):
            block, branch = name.removeprefix("res").removeprefix("bn").split("_")
            block = f"conv{block[0]}_block{ord(block[1]) - ord('a') + 1}"
            values[name] = source[f"{block}_{RESNET_BRANCHES[branch]}_{kind}"]
        if name == "conv1":
            kernel, bias = values[name]
            values[name] = [kernel[:, :, ::-1], bias]
        elif name in values and kind == "bn":
            gamma, beta, mean, variance = values[name]
            scale = np.sqrt((variance + EPSILON) / (variance + RESNET_EPSILON))
            values[name] = [gamma * scale, beta, mean, variance]
    return values


def _from_mobilenet(names: Sequence[str], source: Mapping[str, list[np.ndarray]]) -> Values:
    """Return the weights of MobileNetV2 of keras.applications under the names of this project."""
    values = {"stem": source["Conv1"], "stem_bn": source["bn_Conv1"]}
    for index, block in enumerate(_blocks(names)):
        theirs = f"block_{index}" if index else "expanded_conv"
        for name in names:
            if name.startswith(f"{block}_"):
                values[name] = source[theirs + name.removeprefix(block).replace("_bn", "_BN")]
    return values


def _from_package(names: Sequence[str], tensors: Mapping[str, np.ndarray]) -> Values:
    """Convert PyTorch's tensors of EfficientNet-Lite0. Keras' kernels are (height, width, in, out)."""

    def norm(key: str) -> list[np.ndarray]:
        return [tensors[f"{key}.{part}"] for part in PACKAGED_NORM]

    values = {"stem": [tensors["_conv_stem.weight"].transpose(2, 3, 1, 0)], "stem_bn": norm("_bn0")}
    for index, block in enumerate(_blocks(names)):
        for kind, (conv, bn) in PACKAGED_CONVOLUTIONS.items():
            if f"{block}_{kind}" not in names:  # the first block does not expand its input
                continue
            kernel = tensors[f"_blocks.{index}.{conv}.weight"]
            # A depthwise kernel is (channels, 1, height, width) in PyTorch, (height, width, channels, 1) in Keras.
            axes = (2, 3, 0, 1) if kind == "depthwise" else (2, 3, 1, 0)
            values[f"{block}_{kind}"] = [kernel.transpose(axes)]
            values[f"{block}_{kind}_bn"] = norm(f"_blocks.{index}.{bn}")
    return values


def _blocks(names: Sequence[str]) -> list[str]:
    """Return the names of the inverted residual blocks in their order, which is that of the alphabet."""
    return sorted({name.partition("_")[0] for name in names if name.startswith("block")})
