"""The backbones: convolutional networks that compute the feature maps below the feature pyramid.

A backbone is one module in this folder with a `BACKBONE`. Importing this folder does not import Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fmask.utils.errors import UserError

MODULES = {
    "resnet18": "resnet",
    "resnet50": "resnet",
    "resnet101": "resnet",
    "efficientnet_lite0": "efficientnet_lite",
    "mobilenet_v2": "mobilenet_v2",
}
"""The names of all architectures, and the module in this folder that builds each."""


@dataclass(frozen=True)
class Backbone:
    """A family of architectures."""

    build: Callable[..., Any]
    """Accepts the prepared images (B, H, W, 3), the architecture's name and the `fmask.model.norm.Norm`; returns the
    feature maps C2 to C5, with strides 4, 8, 16 and 32."""
    stage_of: Callable[[str], int | None]
    """Returns the stage of a layer by its name: 1 for the stem, 2 to 5 for the layers that compute C2 to C5, None for a
    layer that does not belong to the backbone."""
    mean: tuple[float, float, float]
    """Mean that is subtracted from RGB images in 0..255."""
    scale: float = 1.0
    """Factor after the subtraction."""


def backbone_of(name: str) -> Backbone:
    """Return the backbone of an architecture, a key of `MODULES`.

    Raises:
        UserError: there is no such backbone.
    """
    if name not in MODULES:
        raise UserError(f"There is no backbone {name!r}; the backbones are {', '.join(MODULES)}.")
    from fmask.model.backbones import efficientnet_lite, mobilenet_v2, resnet

    families = {"resnet": resnet, "efficientnet_lite": efficientnet_lite, "mobilenet_v2": mobilenet_v2}
    return families[MODULES[name]].BACKBONE
