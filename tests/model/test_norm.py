"""The fused normalisation matches Keras' own layer, and frozen statistics do not change."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from fmask.model.norm import EPSILON, MOMENTUM, BatchNorm, Norm

RNG = np.random.default_rng(0)
INPUTS = (3 * RNG.normal(size=(2, 5, 4, 3)) + [1, -2, 5]).astype(np.float32)
"""Few values per channel, so that biased and unbiased variance differ clearly."""


def pair() -> list[keras.layers.BatchNormalization]:
    """Return the fused layer and Keras' own layer with the same weights."""
    rng = np.random.default_rng(1)
    weights = [rng.uniform(0.5, 2, 3), rng.normal(size=3), rng.normal(size=3), rng.uniform(0.5, 2, 3)]
    made = [kind(epsilon=EPSILON, momentum=MOMENTUM) for kind in (BatchNorm, keras.layers.BatchNormalization)]
    for layer in made:
        layer.build(INPUTS.shape)
        layer.set_weights(weights)
    return made


def trained(layer: keras.layers.BatchNormalization) -> list[np.ndarray]:
    """Return outputs, gradients for inputs, scale and shift, and the moving statistics after a training call."""
    weights = np.random.default_rng(2).normal(size=INPUTS.shape).astype(np.float32)
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
        loss = tf.reduce_sum(outputs**2 * weights)
    gradients = tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])
    return [ops.convert_to_numpy(value) for value in (outputs, *gradients)] + layer.get_weights()[2:]


def test_training_equals_keras() -> None:
    before = pair()[0].moving_variance.numpy()
    fused, plain = (trained(layer) for layer in pair())
    names = ("outputs", "input gradient", "scale gradient", "shift gradient", "moving mean", "moving variance")
    for name, value, expected in zip(names, fused, plain, strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4, err_msg=name)
    assert not np.allclose(fused[-1], before)


def test_inference_equals_keras_and_keeps_the_statistics() -> None:
    fused, plain = pair()
    before = fused.get_weights()
    np.testing.assert_allclose(fused(INPUTS, training=False), plain(INPUTS, training=False), rtol=1e-6)
    np.testing.assert_array_equal(fused.get_weights()[2:], before[2:])


def test_a_frozen_layer_uses_and_keeps_its_statistics() -> None:
    fused, _ = pair()
    expected = fused(INPUTS, training=False)
    fused.trainable = False
    before = fused.get_weights()
    np.testing.assert_allclose(fused(INPUTS, training=True), expected)
    np.testing.assert_array_equal(fused.get_weights(), before)


@pytest.mark.parametrize(("kind", "moves"), [("frozen", False), ("batch", True)])
def test_only_batch_normalisation_updates_its_statistics(kind: str, moves: bool) -> None:
    image = keras.Input((5, 4, 3))
    model = keras.Model(image, Norm(kind)(image, "bn"))
    outputs = model(INPUTS, training=True)
    statistics = model.get_layer("bn").get_weights()[2:]
    assert np.allclose(statistics, [[0] * 3, [1] * 3]) != moves
    normalised = np.allclose(ops.mean(outputs, axis=(0, 1, 2)), 0, atol=1e-4)
    assert normalised == moves
    assert len(model.trainable_variables) == 2


def test_the_initializer_depends_on_the_normalisation() -> None:
    assert Norm("frozen").initializer == "glorot_uniform"
    assert Norm("batch").initializer == "he_normal"


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (48, 16), (8, 8)])
def test_group_normalisation_does_not_depend_on_the_batch(channels: int, groups: int) -> None:
    inputs = np.random.default_rng(3).normal(2, 3, (2, 4, 4, channels)).astype(np.float32)
    image = keras.Input((4, 4, channels))
    model = keras.Model(image, Norm("group")(image, "n"))
    both, alone = model.predict(inputs, verbose=0), model.predict(inputs[:1], verbose=0)
    np.testing.assert_allclose(both[:1], alone, atol=1e-5)
    of_groups = both.reshape(2, 16, groups, channels // groups)
    np.testing.assert_allclose(of_groups.mean(axis=(1, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(of_groups.std(axis=(1, 3)), 1, atol=1e-2)
