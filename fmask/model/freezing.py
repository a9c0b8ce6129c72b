"""Freezing of layers."""

import re

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.matterport import layers_of


def freeze_except(network: MaskRCNN, choice: str) -> None:
    """Make the chosen layers trainable and freeze all others, including their scales and shifts.

    Call it before creating the optimizer.

    Args:
        network: the network to change.
        choice: the trainable layers. `all`; `3+`, `4+` or `5+`: the backbone from that stage on, and all layers after
            the backbone; `heads`: only the layers after the backbone, which are the feature pyramid, the region
            proposal network, the box head and the mask head.
    """
    first = {"all": 1, "heads": 6}.get(choice) or int(choice[0])
    for name, layer in layers_of(network).items():
        layer.trainable = _stage(name) >= first


def _stage(name: str) -> int:
    """Return 1 for a layer of the stem, 2 to 5 for the stages of the backbone, 6 for a layer after the backbone."""
    if name in ("conv1", "bn_conv1"):
        return 1
    stage = re.match(r"(?:res|bn)([2-5])[a-z]", name)
    return int(stage[1]) if stage else 6
