"""The metadata of a network's file are read without Keras."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import h5py
import pytest

from fmask.config.schema import Config, Optim
from fmask.data.config import Jitter
from fmask.model.config import Anchors, Detection, LossWeights, ModelConfig, Proposals, Regions, Widths
from fmask.model.weights.metadata import NetworkMetadata, read_metadata
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES

PARTS = (Anchors, Detection, Jitter, LossWeights, Optim, Proposals, Regions, Widths)

NETWORK = '{"backbone": "resnet18", "model": {}, "image_size": 64, "antialias": true, '


def test_metadata_are_read_as_written(tmp_path: Path) -> None:
    metadata = NetworkMetadata(
        "resnet18",
        ModelConfig(norm="batch", anchors=Anchors(offset=0.5)),
        image_size=64,
        antialias=False,
        classes=CLASSES,
    )
    with h5py.File(tmp_path / "network.h5", "w") as file:
        file.attrs["fmask"] = metadata.to_json()
    assert read_metadata(tmp_path / "network.h5") == metadata


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a network saved by fmask: Expecting property name"),
        ("{}", r"is not a network saved by fmask: it lacks model\.$"),
        ("[]", "is not a network saved by fmask: "),
        (
            '{"backbone": "resnet18", "model": {}, "image_size": 64, "antialias": true, "classes": ["a", "A"]}',
            "lists A twice",
        ),
        (
            '{"backbone": "resnet18", "model": {}, "image_size": 64, "antialias": true, "classes": "hat"}',
            "a list of names",
        ),
        ('{"backbone": "resnet18", "model": {"new": 1}}', "is not a network saved by fmask: Key 'new' not in"),
    ],
)
def test_unreadable_metadata_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with h5py.File(tmp_path / "network.h5", "w") as file:
        file.attrs["fmask"] = text
    with pytest.raises(UserError, match=message) as refused:
        read_metadata(tmp_path / "network.h5")
    assert "\n" not in str(refused.value)


def test_every_numeric_setting_has_a_range() -> None:
    numbers = [setting for part in (Config, *PARTS) for setting in fields(part) if setting.type in (int, float)]
    assert len(numbers) > 40
    assert [setting.name for setting in numbers if "low" not in setting.metadata] == []


def test_keras_is_not_imported() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, fmask.model.weights.metadata; sys.exit('keras' in sys.modules)"], check=True
    )


def test_files_of_version_0_1_are_read(tmp_path: Path) -> None:
    written = {
        "backbone": "resnet18",
        "model": {"norm": "batch", "regions": {"leak": True, "count": 64}},
        "size": 192,
        "smooth": True,
    }
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["fmask"] = json.dumps(written)
    metadata = read_metadata(tmp_path / "old.h5")
    assert (metadata.image_size, metadata.antialias, metadata.num_classes) == (192, True, 3)
    assert metadata.model == ModelConfig(norm="batch", regions=Regions(detach_proposals=False, count=64))


@pytest.mark.parametrize(
    ("written", "classes"),
    [({}, ("mask", "hat")), ({"num_classes": 3}, ("mask", "hat")), ({"num_classes": 4}, ("1", "2", "3"))],
)
def test_files_without_names_of_classes_are_read(written: dict[str, int], classes: tuple[str, ...]) -> None:
    text = {"backbone": "resnet18", "model": {}, "image_size": 64, "antialias": True, **written}
    metadata = NetworkMetadata.from_json(json.dumps(text))
    assert (metadata.classes, metadata.num_classes) == (classes, 1 + len(classes))
