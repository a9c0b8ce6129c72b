"""Layers in bf16 match layers in fp32 within rounding errors; everything else stays float32."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fmask.config.schema import Config
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.precision import fastest
from fmask.training.optimizers import build_optimizer
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, batch, losses_of, settled, tiny


def twins() -> tuple[MaskRCNN, MaskRCNN]:
    """Return two networks with the same weights, in fp32 and in bf16."""
    fp32, bf16 = settled(), tiny(precision="bf16")
    bf16.set_weights(fp32.get_weights())
    return fp32, bf16


def test_only_layers_compute_in_bf16() -> None:
    _, bf16 = twins()
    pyramid, logits, deltas = bf16.trunk(batch()[0])
    assert {keras.backend.standardize_dtype(level.dtype) for level in pyramid} == {"bfloat16"}
    assert logits.dtype == deltas.dtype == "float32"
    assert {weight.dtype for weight in bf16.weights if weight.name != "seed_generator_state"} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"  # the policy for later layers is unchanged


@pytest.mark.parametrize("norm", ["batch", "frozen", "group"])
def test_losses_agree_within_bf16_rounding(norm: str) -> None:
    fp32, bf16 = tiny(norm), tiny(norm, precision="bf16")
    bf16.set_weights(fp32.get_weights())
    # Both draw the same anchors. Regions are not compared: their draw depends on the order of similar proposals.
    for name in ("rpn_class_loss", "rpn_bbox_loss"):
        values = [float(losses_of(network, batch())[name]) for network in (fp32, bf16)]
        assert values[1] == pytest.approx(values[0], rel=0.05), name
        assert values[1] != values[0], "nothing was computed in bf16"


def test_training_in_bf16_learns_and_the_file_keeps_the_precision(tmp_path: Path) -> None:
    network = tiny(precision="bf16")
    config = Config(epochs=1, batch_size=2, lr=2e-3, crop_size=SIZE, image_size=SIZE, min_confidence=0.5)
    config.optim.name = "adamw"
    network.compile(optimizer=build_optimizer(config))
    losses = [network.train_on_batch(*batch(), return_dict=True)["loss"] for _ in range(12)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    KerasPredictor(network, SIZE, True, CLASSES).save(tmp_path / "bf16.h5")
    assert KerasPredictor.load(tmp_path / "bf16.h5").network.config.precision == "bf16"


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16\nbugs\t\t:\n", "bf16"),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16 amx_tile\n", "bf16"),
        ("processor\t: 0\nflags\t\t: fpu avx2\nbugs\t\t: avx512_bf16\n", "fp32"),
        ("", "fp32"),
        (None, "fp32"),
    ],
)
def test_the_fastest_precision_depends_on_the_processor(tmp_path: Path, text: str | None, precision: str) -> None:
    file = tmp_path / "cpuinfo"
    if text is not None:
        file.write_text(text)
    assert fastest(file) == precision
