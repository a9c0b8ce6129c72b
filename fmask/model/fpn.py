"""Feature pyramid network (Lin 2017): the top-down pathway with lateral connections."""

from keras import KerasTensor, layers

from fmask.model.convolution import Conv2D
from fmask.model.norm import Norm


def feature_pyramid(features: list[KerasTensor], channels: int, norm: Norm) -> list[KerasTensor]:
    """Build the maps P2 to P6 (strides 4 to 64), with `channels` channels each, from the maps C2 to C5."""

    def conv(x: KerasTensor, kernel: int, name: str) -> KerasTensor:
        x = Conv2D(channels, kernel, padding="same", name=name, kernel_initializer=norm.initializer)(x)
        return x if norm.kind == "frozen" else norm(x, f"{name}_bn")

    merged = conv(features[-1], 1, "fpn_c5p5")
    pyramid = [conv(merged, 3, "fpn_p5")]
    for level, feature in zip((4, 3, 2), reversed(features[:-1]), strict=True):
        lateral = conv(feature, 1, f"fpn_c{level}p{level}")
        above = layers.UpSampling2D(2, name=f"fpn_p{level + 1}upsampled")(merged)
        merged = layers.Add(name=f"fpn_p{level}add")([above, lateral])
        pyramid.insert(0, conv(merged, 3, f"fpn_p{level}"))
    return [*pyramid, layers.MaxPooling2D(1, 2, name="fpn_p6")(pyramid[-1])]
