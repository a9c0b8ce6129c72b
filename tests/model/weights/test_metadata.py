"""What a network's file says of itself is read without Keras."""

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import h5py
import pytest

from fmask.model.config import Anchors, ModelConfig
from fmask.model.validation import LIMITS
from fmask.model.weights.metadata import NetworkMetadata, read_metadata
from fmask.utils.errors import UserError


def test_a_recipe_is_read_as_it_was_written(tmp_path: Path) -> None:
    recipe = NetworkMetadata(
        "resnet18", ModelConfig(norm="batch", anchors=Anchors(offset=0.5)), image_size=64, antialias=False
    )
    with h5py.File(tmp_path / "network.h5", "w") as file:
        file.attrs["fmask"] = recipe.to_json()
    assert read_metadata(tmp_path / "network.h5") == recipe


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"backbone": "resnet18", "model": {"new": 1}}'])
def test_a_recipe_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str) -> None:
    with h5py.File(tmp_path / "network.h5", "w") as file:
        file.attrs["fmask"] = text
    with pytest.raises(UserError, match="is no predictor saved by fmask") as told:
        read_metadata(tmp_path / "network.h5")
    assert "\n" not in str(told.value)


def test_every_number_of_a_network_has_a_range() -> None:
    numbers = {
        f"{part.name}.{setting.name}"
        for part in fields(ModelConfig)
        if is_dataclass(part.type)
        for setting in fields(part.type)
        if setting.type in (int, float)
    }
    assert len(numbers) > 20
    assert set(LIMITS) == numbers


def test_keras_is_not_imported() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, fmask.model.weights.metadata; sys.exit('keras' in sys.modules)"], check=True
    )
