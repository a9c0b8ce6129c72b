"""Convolutions of the pyramid and the backbone."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras import ops

from fmask.model.types import Tensor
from fmask.utils.backend import on_onednn


@keras.saving.register_keras_serializable("fmask")
class Conv2D(keras.layers.Conv2D):
    """Keras' convolution, of which oneDNN is slow for a single image with 256 or 512 channels in float32.

    Then oneDNN chooses a slow kernel for 3 x 3: on AVX2 one image takes three times as long alone as in a batch, on
    AVX-512 1.4 times (`docs/explanation/speed.md`). So one image is computed as two, its upper and its lower half.
    """

    in_halves = True
    """Whether any convolution is computed in halves; see `whole_images`."""

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        if not self._is_slow(inputs):
            return super().convolution_op(inputs, kernel)
        middle = inputs.shape[1] // 2
        padded = ops.pad(inputs, [[0, 0], [1, 1], [1, 1], [0, 0]])
        halves = ops.concatenate([padded[:, : middle + 2], padded[:, middle:]], axis=0)
        upper, lower = ops.split(ops.conv(halves, kernel, padding="valid"), 2, axis=0)
        return ops.concatenate([upper, lower], axis=1)

    def _is_slow(self, inputs: Tensor) -> bool:
        batch, height, _, channels = inputs.shape
        same = self.kernel_size == (3, 3) and self.padding == "same" and self.data_format == "channels_last"
        plain = same and self.strides == self.dilation_rate == (1, 1) and self.groups == 1
        single = batch == 1 and height is not None and height >= 16 and height % 2 == 0
        slow = plain and single and channels % 256 == 0 and self.compute_dtype == "float32"
        return self.in_halves and slow and on_onednn()


@contextmanager
def whole_images() -> Iterator[None]:
    """Trace networks without halves in the block: other runtimes than TensorFlow do not need them."""
    Conv2D.in_halves = False
    try:
        yield
    finally:
        Conv2D.in_halves = True
