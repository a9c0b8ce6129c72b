"""MobileNetV2 (Sandler 2018)."""

from keras import KerasTensor

from fmask.model.backbones import Backbone
from fmask.model.backbones.inverted_residual import Blocks, inverted_residuals, stage_of
from fmask.model.norm import Norm

TABLE = (
    Blocks(stage=1, repeats=1, kernel=3, stride=1, expansion=1, filters=16),
    Blocks(stage=2, repeats=2, kernel=3, stride=2, expansion=6, filters=24),
    Blocks(stage=3, repeats=3, kernel=3, stride=2, expansion=6, filters=32),
    Blocks(stage=4, repeats=4, kernel=3, stride=2, expansion=6, filters=64),
    Blocks(stage=4, repeats=3, kernel=3, stride=1, expansion=6, filters=96),
    Blocks(stage=5, repeats=3, kernel=3, stride=2, expansion=6, filters=160),
    Blocks(stage=5, repeats=1, kernel=3, stride=1, expansion=6, filters=320),
)


def build(image: KerasTensor, name: str, norm: Norm) -> list[KerasTensor]:
    """Build the backbone on prepared images (B, H, W, 3); see `fmask.model.backbones.Backbone`."""
    return inverted_residuals(image, TABLE, norm)


BACKBONE = Backbone(build, stage_of, mean=(127.5, 127.5, 127.5), scale=1 / 127.5)
