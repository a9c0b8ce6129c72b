"""EfficientNet-Lite0: EfficientNet-B0 (Tan 2019) without squeeze-and-excitation and with ReLU6, for processors."""

from keras import KerasTensor

from fmask.model.backbones import Backbone
from fmask.model.backbones.inverted_residual import Blocks, inverted_residuals, stage_of
from fmask.model.norm import Norm

TABLE = (
    Blocks(stage=1, repeats=1, kernel=3, stride=1, expansion=1, filters=16),
    Blocks(stage=2, repeats=2, kernel=3, stride=2, expansion=6, filters=24),
    Blocks(stage=3, repeats=2, kernel=5, stride=2, expansion=6, filters=40),
    Blocks(stage=4, repeats=3, kernel=3, stride=2, expansion=6, filters=80),
    Blocks(stage=4, repeats=3, kernel=5, stride=1, expansion=6, filters=112),
    Blocks(stage=5, repeats=4, kernel=5, stride=2, expansion=6, filters=192),
    Blocks(stage=5, repeats=1, kernel=3, stride=1, expansion=6, filters=320),
)


def build(image: KerasTensor, name: str, norm: Norm) -> list[KerasTensor]:
    """Build the backbone on prepared images (B, H, W, 3); see `fmask.model.backbones.Backbone`."""
    return inverted_residuals(image, TABLE, norm)


BACKBONE = Backbone(build, stage_of, mean=(127.0, 127.0, 127.0), scale=1 / 128)
