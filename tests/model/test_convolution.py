"""The convolution of one image in two halves is that of the whole image."""

import keras
import numpy as np
import pytest

from fmask.model.convolution import Conv2D, whole_images


@pytest.mark.parametrize(
    ("shape", "halved"),
    [((1, 16, 20, 256), True), ((2, 16, 16, 256), False), ((1, 15, 16, 256), False), ((1, 16, 16, 64), False)],
)
def test_halves_are_convolved_as_the_whole(shape: tuple[int, ...], halved: bool) -> None:
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    layer, plain = (kind(8, 3, padding="same", activation="relu") for kind in (Conv2D, keras.layers.Conv2D))
    layer.build(shape)
    plain.build(shape)
    plain.set_weights(layer.get_weights())
    assert layer._is_slow(images) == halved
    with whole_images():
        assert not layer._is_slow(images)
    expected = np.asarray(plain(images))
    np.testing.assert_allclose(np.asarray(layer(images)), expected, rtol=1e-4, atol=1e-5)
    assert expected.max() > 0.1


@pytest.mark.parametrize("settings", [{"strides": 2}, {"padding": "valid"}, {"kernel_size": 1}, {"dtype": "bfloat16"}])
def test_other_convolutions_are_left_to_keras(settings: dict[str, object]) -> None:
    layer = Conv2D(**({"filters": 8, "kernel_size": 3, "padding": "same"} | settings))
    assert not layer._is_slow(np.zeros((1, 16, 16, 256), np.float32))
