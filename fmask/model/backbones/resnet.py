"""ResNets (He 2015). The layer names are those of matterport's weight files."""

import re
from collections.abc import Callable

from keras import KerasTensor, layers

from fmask.model.backbones import Backbone
from fmask.model.convolution import Conv2D
from fmask.model.norm import Norm

PIXEL_MEAN = (123.7, 116.8, 103.9)
BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
"""The number of blocks in stages 2 to 5 of each architecture."""


def build(image: KerasTensor, name: str, norm: Norm) -> list[KerasTensor]:
    """Build the backbone on prepared images (B, H, W, 3); see `fmask.model.backbones.Backbone`."""

    def conv_norm(
        x: KerasTensor, filters: int, kernel: int, stride: int, tail: str, padding: str = "same"
    ) -> KerasTensor:
        conv = Conv2D(filters, kernel, stride, padding, name=f"res{tail}", kernel_initializer=norm.initializer)
        return norm(conv(x), f"bn{tail}")

    def basic(x: KerasTensor, filters: int, stride: int, block: str, project: bool) -> KerasTensor:
        y = layers.ReLU()(conv_norm(x, filters, 3, stride, f"{block}_branch2a"))
        y = conv_norm(y, filters, 3, 1, f"{block}_branch2b")
        shortcut = conv_norm(x, filters, 1, stride, f"{block}_branch1", "valid") if project and stride > 1 else x
        return layers.ReLU(name=f"res{block}_out")(layers.Add()([y, shortcut]))

    def bottleneck(x: KerasTensor, filters: int, stride: int, block: str, project: bool) -> KerasTensor:
        # The stride is on the first 1 x 1 convolution, as in the original ResNet and in the reference.
        y = layers.ReLU()(conv_norm(x, filters, 1, stride, f"{block}_branch2a", "valid"))
        y = layers.ReLU()(conv_norm(y, filters, 3, 1, f"{block}_branch2b"))
        y = conv_norm(y, 4 * filters, 1, 1, f"{block}_branch2c", "valid")
        shortcut = conv_norm(x, 4 * filters, 1, stride, f"{block}_branch1", "valid") if project else x
        return layers.ReLU(name=f"res{block}_out")(layers.Add()([y, shortcut]))

    block_of: Callable[..., KerasTensor] = basic if name == "resnet18" else bottleneck
    x = layers.ZeroPadding2D(3)(image)
    x = layers.Conv2D(64, 7, 2, "valid", name="conv1", kernel_initializer=norm.initializer)(x)
    x = layers.ReLU()(norm(x, "bn_conv1"))
    x = layers.MaxPooling2D(3, 2, "same")(x)
    features = []
    for stage, blocks in enumerate(BLOCKS[name], start=2):
        for index in range(blocks):
            stride = 2 if index == 0 and stage > 2 else 1
            x = block_of(x, 64 * 2 ** (stage - 2), stride, f"{stage}{chr(ord('a') + index)}", project=index == 0)
        features.append(x)
    return features


def stage_of(layer: str) -> int | None:
    """Return the stage of a layer; see `fmask.model.backbones.Backbone`."""
    if layer in ("conv1", "bn_conv1"):
        return 1
    block = re.match(r"(?:res|bn)([2-5])[a-z]", layer)
    return int(block[1]) if block else None


BACKBONE = Backbone(build, stage_of, mean=PIXEL_MEAN)
