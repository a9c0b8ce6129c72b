"""Which layers train."""

import re

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.matterport import layers_of


def freeze_except(network: MaskRCNN, choice: str) -> None:
    """Lets some layers train and keeps the others' weights, scales and shifts as they are.

    Args:
        choice: `all`; `3+`, `4+` or `5+`: the backbone's stages from that one on and what comes after the backbone;
            `heads`: only what comes after the backbone, that is pyramid, proposals, box and mask head. An optimizer
            must be made afterwards.
    """
    first = {"all": 1, "heads": 6}.get(choice) or int(choice[0])
    for name, layer in layers_of(network).items():
        layer.trainable = _stage(name) >= first


def _stage(name: str) -> int:
    """1 the stem, 2 to 5 the backbone's stages, 6 what comes after it."""
    if name in ("conv1", "bn_conv1"):
        return 1
    stage = re.match(r"(?:res|bn)([2-5])[a-z]", name)
    return int(stage[1]) if stage else 6
