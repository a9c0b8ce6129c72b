"""Weights that are drawn from the names of layers, and weight files with them.

The outputs of the reference implementation were recorded with these weights.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.matterport import layers_of

VARIABLES = {"kernel": 0, "bias": 1, "gamma": 0, "beta": 1, "moving_mean": 2, "moving_variance": 3}
"""The position of each kind of variable in its layer, which is part of the seed."""
GAINS = {"conv1": 1 / 64, "rpn_class_raw": 0.5, "rpn_bbox_pred": 0.5, "mrcnn_bbox_fc": 0.5, "mrcnn_mask": 4.0}
"""Factors on some kernels, so that activations and scores stay moderate."""
BACKBONE_GAINS = {"resnet50": {}, "resnet101": {"fpn_c4p4": 0.125, "fpn_c5p5": 0.125}}
CLASS_BIAS = {"resnet50": [-2.2, 2.4, 3.9], "resnet101": [-3.2, 3.4, 3.25]}
"""Bias of the class logits, so that all classes are detected."""

Shapes = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Shapes of arrays by layer and variable."""


def draw(layer: str, variable: str, shape: tuple[int, ...], backbone: str = "resnet50") -> np.ndarray:
    """Return the float32 values of a variable. Layers and variables have matterport's names."""
    rng = np.random.default_rng(zlib.crc32(f"{layer}/{VARIABLES[variable]}".encode()))
    if variable in ("gamma", "moving_variance"):
        values = rng.uniform(0.5, 1.5, shape)
    elif variable == "kernel":
        fan_in = np.prod(shape[:-1])
        values = rng.standard_normal(shape) * (np.sqrt(2.0 / fan_in) * 0.7)
        values = values * (GAINS | BACKBONE_GAINS[backbone]).get(layer, 1.0)
    else:
        values = rng.standard_normal(shape) * (0.01 if variable == "bias" else 0.1)
    if (layer, variable, shape) == ("mrcnn_class_logits", "bias", (3,)):
        values = values + np.array(CLASS_BIAS[backbone])
    return values.astype(np.float32)


def shapes_of(network: MaskRCNN) -> dict[str, dict[str, tuple[int, ...]]]:
    return {
        name: {weight.name: tuple(weight.shape) for weight in layer.weights}
        for name, layer in layers_of(network).items()
    }


def write(
    path: Path,
    shapes: Shapes,
    backbone: str = "resnet50",
    *,
    root: str = "/",
    as_bytes: bool = True,
    zero: bool = False,
) -> Path:
    """Write a weight file as matterport's code does, with drawn values or, with `zero`, zeros without disk space."""
    text = np.bytes_ if as_bytes else h5py.string_dtype()
    with h5py.File(path, "w") as file:
        top = file.require_group(root)
        listed: dict[str, list[str]] = {"activation_1": []}
        for layer, variables in shapes.items():
            group = "rpn_model" if layer.startswith("rpn_") else layer
            for variable, shape in variables.items():
                name = f"{layer}/{variable}:0"
                values = None if zero else draw(layer, variable, shape, backbone)
                top.create_dataset(f"{group}/{name}", shape, "float32", values)
                listed.setdefault(group, []).append(name)
        for group, names in listed.items():
            top.require_group(group).attrs["weight_names"] = np.array(names, text)
        top.attrs["layer_names"] = np.array(list(listed), text)
    return path
