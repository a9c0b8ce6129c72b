"""Networks of inverted residual blocks (MobileNetV2, Sandler 2018), for any backbone that differs only in its blocks.

A block expands its input with a 1 x 1 convolution, filters each channel with a depthwise convolution, and projects back
to few channels with a 1 x 1 convolution that no activation follows. All strided convolutions pad as TensorFlow does:
one row and column fewer at the top and the left.
"""

import re
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from keras import KerasTensor, initializers, layers

from fmask.model.depthwise import DepthwiseConv
from fmask.model.norm import Norm


class Blocks(NamedTuple):
    """Equal blocks in a row; only the first has a stride other than 1."""

    stage: int
    """The stage that the blocks belong to: 2 to 5 for those that compute C2 to C5, 1 for those before."""
    repeats: int
    kernel: int
    """Side of the depthwise kernel."""
    stride: int
    expansion: int
    """Factor of the channels between the two 1 x 1 convolutions; 1 leaves the first of them out."""
    filters: int
    """Channels of the output."""


STEM = 32
"""Channels of the first convolution."""


def inverted_residuals(image: KerasTensor, table: Sequence[Blocks], norm: Norm) -> list[KerasTensor]:
    """Build the stem and the blocks on prepared images (B, H, W, 3).

    Returns:
        The output of the last block of stages 2 to 5.
    """
    x = _conv_norm(image, STEM, 3, 2, "stem", norm)
    outputs: dict[int, KerasTensor] = {}
    letters = {stage: iter("abcdefghij") for stage in range(1, 6)}
    for blocks in table:
        for index in range(blocks.repeats):
            name = f"block{blocks.stage}{next(letters[blocks.stage])}"
            x = _block(x, blocks, blocks.stride if index == 0 else 1, name, norm)
        outputs[blocks.stage] = x
    return [outputs[stage] for stage in (2, 3, 4, 5)]


def stage_of(layer: str) -> int | None:
    """Return the stage of a layer; see `fmask.model.backbones.Backbone`."""
    if layer in ("stem", "stem_bn"):
        return 1
    block = re.match(r"block([1-5])[a-j]_", layer)
    return int(block[1]) if block else None


def _block(x: KerasTensor, blocks: Blocks, stride: int, name: str, norm: Norm) -> KerasTensor:
    y = x
    if blocks.expansion > 1:
        y = _conv_norm(y, blocks.expansion * x.shape[-1], 1, 1, f"{name}_expand", norm)
    y = DepthwiseConv(
        blocks.kernel,
        stride,
        padding="same",
        use_bias=False,
        # Keras' He initializer counts all channels as inputs of an output; here only one is.
        depthwise_initializer=initializers.RandomNormal(stddev=sqrt(2) / blocks.kernel),
        name=f"{name}_depthwise",
    )(y)
    y = layers.ReLU(6)(norm(y, f"{name}_depthwise_bn"))
    y = _conv_norm(y, blocks.filters, 1, 1, f"{name}_project", norm, activation=False)
    return layers.Add(name=f"{name}_out")([x, y]) if stride == 1 and x.shape[-1] == blocks.filters else y


def _conv_norm(
    x: KerasTensor, filters: int, kernel: int, stride: int, name: str, norm: Norm, activation: bool = True
) -> KerasTensor:
    x = layers.Conv2D(
        filters, kernel, stride, padding="same", use_bias=False, kernel_initializer=norm.initializer, name=name
    )(x)
    x = norm(x, f"{name}_bn")
    return layers.ReLU(6)(x) if activation else x
