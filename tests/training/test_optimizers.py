"""Fused optimizers equal Keras' own; learning rate schedules; clipping by the global norm; averaged_weights weights."""

from typing import Any

import keras
import numpy as np
import pytest

from fmask.config.schema import Backbone, Config, Optim
from fmask.training.optimizers import FusedAdamW, FusedSGD, averaged_weights, build_optimizer

SHAPES = {"kernel": (3, 4), "bias": (4,), "gamma": (4,)}


def variables() -> list[keras.Variable]:
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.normal(size=shape).astype("float32"), name=name) for name, shape in SHAPES.items()]


def config(steps: int = 10, epochs: int = 10, lr: float = 0.1, **optim: Any) -> Config:
    return Config(steps=steps, epochs=epochs, lr=lr, optim=Optim(**optim), backbone=Backbone("resnet18"))


def learning_rates(chosen: Config, *steps: int) -> list[float]:
    optimizer = build_optimizer(chosen)
    found = []
    for step in steps:
        optimizer.iterations.assign(step)
        found.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return found


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay": {"weight_decay": 0.1},
    "clip": {"global_clipnorm": 0.5},
    "average": {"use_ema": True, "ema_momentum": 0.8},
    "all": {"weight_decay": 0.1, "global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.8},
}


KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "adamw": (FusedAdamW, keras.optimizers.AdamW, {"weight_decay": 0.0}),
    "sgd": (FusedSGD, keras.optimizers.SGD, {"momentum": 0.9}),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("name", KINDS)
def test_fused_steps_equal_keras_steps(name: str, options: dict[str, Any]) -> None:
    results = []
    fused_kind, keras_kind, usual = KINDS[name]
    for kind in (fused_kind, keras_kind):
        schedule = keras.optimizers.schedules.CosineDecay(0.1, 6)
        trained, optimizer = variables(), kind(schedule, **(usual | options))
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        optimizer.build(trained)
        rng, steps = np.random.default_rng(1), []
        for _ in range(5):
            optimizer.apply(
                [keras.ops.convert_to_tensor(rng.normal(size=variable.shape).astype("float32")) for variable in trained]
            )
            steps.append(np.concatenate([variable.numpy().ravel() for variable in trained]))
        optimizer.finalize_variable_values(trained)  # sets the moving averages, if they are kept
        results.append([*steps, np.concatenate([variable.numpy().ravel() for variable in trained])])
    fused, plain = (np.array(result) for result in results)
    np.testing.assert_allclose(fused, plain, atol=1e-5)  # steps are about 0.1
    assert (np.abs(np.diff(fused[:5], axis=0)).max(axis=1) > 1e-3).all()
    assert (fused[5] != fused[4]).any() == options.get("use_ema", False)


def test_only_kernels_decay() -> None:
    trained = variables()
    before = [variable.numpy() for variable in trained]
    optimizer = build_optimizer(config(name="adamw", weight_decay=0.5, lr=0.1))
    optimizer.apply([keras.ops.zeros_like(variable) for variable in trained], trained)
    kernel, bias, gamma = (variable.numpy() / old for variable, old in zip(trained, before, strict=True))
    np.testing.assert_allclose(kernel, 1 - 0.1 * 0.5, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)
    np.testing.assert_array_equal(gamma, 1)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_the_backbone_learns_at_its_own_rate(name: str) -> None:
    steps = {}
    for factor in (1.0, 0.1):
        network = keras.Sequential([keras.Input((4, 4, 3))])
        for layer in ("res2a_branch2a", "fpn_c5p5"):
            network.add(keras.layers.Conv2D(3, 1, name=layer, kernel_initializer="ones"))
        optimizer = build_optimizer(config(name=name, backbone_lr=factor, weight_decay=0.5, clip=100))
        kernels = [layer.kernel for layer in network.layers]
        for _ in range(2):
            optimizer.apply([keras.ops.ones_like(kernel) for kernel in kernels], kernels)
        steps[factor] = [1 - kernel.numpy().mean() for kernel in kernels]
    assert steps[1.0][0] == steps[1.0][1] == steps[0.1][1]
    assert steps[0.1][0] == pytest.approx(0.1 * steps[1.0][0], rel=0.05)  # decay and step are both a tenth


def test_sgd_clips_by_the_global_norm() -> None:
    trained = variables()
    before = [variable.numpy() for variable in trained]
    gradients = [np.full(shape, 10.0 * (index + 1), np.float32) for index, shape in enumerate(SHAPES.values())]
    build_optimizer(config(name="sgd", lr=0.1, clip=5.0)).apply(
        [keras.ops.convert_to_tensor(g) for g in gradients], trained
    )
    moved = [old - variable.numpy() for variable, old in zip(trained, before, strict=True)]
    norm = np.sqrt(sum((gradient**2).sum() for gradient in gradients))
    for step, gradient in zip(moved, gradients, strict=True):
        np.testing.assert_allclose(step, 0.1 * 5 / norm * gradient, rtol=1e-4, atol=1e-6)


def test_sgd_has_momentum() -> None:
    trained = variables()[1:2]
    optimizer = build_optimizer(config(name="sgd", lr=0.1, clip=100.0))
    places = [trained[0].numpy()]
    for _ in range(2):
        optimizer.apply([keras.ops.ones(4)], trained)
        places.append(trained[0].numpy())
    np.testing.assert_allclose(np.diff(places, axis=0), [[-0.1] * 4, [-0.19] * 4], rtol=1e-5)


def test_a_constant_rate_stays() -> None:
    assert learning_rates(config(decay="constant"), 0, 50, 99) == pytest.approx([0.1] * 3)


def test_warming_up_to_a_constant_rate() -> None:
    rates = learning_rates(config(decay="constant", warmup=10), 0, 5, 10, 50, 100)
    assert rates == pytest.approx([0.001, 0.0505, 0.1, 0.1, 0.1], rel=1e-5)


def test_a_cosine_falls_to_a_hundredth() -> None:
    assert learning_rates(config(decay="cosine"), 0, 50, 100) == pytest.approx([0.1, 0.0505, 0.001], rel=1e-4)


def test_a_cosine_after_warming_up() -> None:
    rates = learning_rates(config(decay="cosine", warmup=20), 0, 20, 60, 100)
    assert rates == pytest.approx([0.001, 0.1, 0.0505, 0.001], rel=1e-4)


def test_warm_up_takes_at_most_a_fifth_of_the_training() -> None:
    assert learning_rates(config(steps=5, epochs=2, warmup=1000), 2) == pytest.approx([0.1])
    assert learning_rates(config(steps=1, epochs=1, warmup=1000), 0) == pytest.approx([0.1])


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_averages_of_the_weights_are_kept_only_with_ema(name: str) -> None:
    assert not build_optimizer(config(name=name)).use_ema
    optimizer = build_optimizer(config(name=name, ema=0.9))
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.9)


@pytest.mark.parametrize("ema", [0.0, 0.8])
def test_averaged_weights_replaces_and_restores_weights(ema: float) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile(build_optimizer(config(name="sgd", ema=ema)), loss="mse")
    network.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0, epochs=1)
    trained = [value.copy() for value in network.get_weights()]
    mean = network.optimizer.variables
    expected = [variable.numpy() for variable in mean if "average" in variable.name] if ema else trained
    assert len(expected) == len(trained)
    with averaged_weights(network):
        for value, average in zip(network.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(value, average)
    for value, before in zip(network.get_weights(), trained, strict=True):
        np.testing.assert_array_equal(value, before)
