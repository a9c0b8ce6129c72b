"""Freezing of layers."""

from fmask.model.backbones import backbone_of
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
    stage_of = backbone_of(network.backbone).stage_of
    for name, layer in layers_of(network).items():
        layer.trainable = (stage_of(name) or 6) >= first
