"""Weight files and checkpoints of strangers: wrong values are named, and nothing in the files is run."""

import json
import os
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from fmask.model.weights.metadata import read_metadata
from fmask.training.checkpoint import read_checkpoint
from tests.helpers.refusals import NETWORK, refusal


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"backbone": "vgg"},
            "backbone must be resnet18 or resnet50 or resnet101 or efficientnet_lite0 or mobilenet_v2, not 'vgg'",
        ),
        ({"classes": []}, "classes must list 1 to 999 class names, not 0."),
        ({"classes": ["mask", "mask"]}, "mask"),
        ({"image_size": 10**6}, "image_size must be between 64 and 2048, not 1000000."),
        ({"image_size": "big"}, "image_size must be a whole number, not 'big'"),
        ({"antialias": 1}, "antialias must be true or false, not 1"),
        ({"model": {"norm": "magic"}}, "norm must be frozen or batch or frozen_backbone or group, not magic"),
        ({"model": {"proposals": {"detect": 10**9}}}, "proposals.detect must be between 1 and 20000, not 1000000000."),
        ({"model": {"anchors": {"scales": [8]}}}, "anchors.scales must be five positive sides"),
        ({"model": {"colour": 1}}, "Key 'colour' not in 'ModelConfig'"),
        ({"model": {"anchors": {"ratios": [1] * 101}}}, "anchors.ratios must be one to a hundred positive numbers"),
        ({"model": {"loss": {"mrcnn_mask": float("nan")}}}, "loss.mrcnn_mask must be between 0 and 1000, not nan."),
        (
            {"model": {"regions": {"pool_box": 28}, "widths": {"fpn": 1024, "box": 4096}}},
            "regions.pool_box=28, widths.fpn=1024 and widths.box=4096: the box head's kernel would have 3288 million",
        ),
        (
            {"image_size": 2048, "model": {"anchors": {"ratios": [1] * 100}}},
            "anchors.ratios has 100 values, which make 34918400 anchors at 2048 px; at most 4000000 are allowed.",
        ),
        (
            {"model": {"proposals": {"detect": 20000}}},
            "proposals.detect=20000, regions.pool_box=7 and widths.fpn=256: the input of the box head would have 251",
        ),
        (
            {"model": {"regions": {"pool_mask": 56, "count": 500}}},
            "regions.count=500, regions.pool_mask=56 and widths.fpn=256: the features of the mask head would have 401",
        ),
        (
            {"image_size": 2048, "model": {"widths": {"rpn": 2048}}},
            "widths.rpn=2048 at 2048 px: a feature map would have 537 million elements; at most 134 million are",
        ),
    ],
)
def test_the_metadata_of_a_network(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "best.h5"
    with h5py.File(file, "w") as opened:
        opened.attrs["fmask"] = json.dumps(json.loads(NETWORK.to_json()) | changed)
    refused = refusal(lambda: read_metadata(file))
    assert str(file) in refused
    assert message in refused


def test_the_number_of_classes_of_a_file_that_does_not_name_them(tmp_path: Path) -> None:
    file = tmp_path / "best.h5"
    fields = {**json.loads(NETWORK.to_json()), "num_classes": 1}
    del fields["classes"]
    with h5py.File(file, "w") as opened:
        opened.attrs["fmask"] = json.dumps(fields)
    assert "num_classes must be a whole number from 2 to 1000, not 1" in refusal(lambda: read_metadata(file))


class Trap:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("read", [read_checkpoint, read_metadata, lambda file: scalar_weights(file)])
def test_weight_files_and_checkpoints_run_no_code(
    read: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pickled.h5").write_bytes(pickle.dumps(Trap()))
    with h5py.File("other.h5", "w") as file:
        file["conv1/kernel:0"] = np.void(pickle.dumps(Trap()))
        file["conv1"].attrs["weight_names"] = ["kernel:0"]
        file["checkpoint"] = pickle.dumps(Trap(), protocol=0).decode()
        file.attrs["fmask"] = pickle.dumps(Trap(), protocol=0).decode()
        file.attrs["model_config"] = '{"class_name": "Lambda"}'
    Path("cut.h5").write_bytes(Path("other.h5").read_bytes()[:1000])
    Path("folder.h5").mkdir()
    for name in ("pickled.h5", "other.h5", "cut.h5", "folder.h5", "nowhere.h5"):
        assert name in refusal(partial(read, Path(name)))
    assert not Path("sprung").exists()


def scalar_weights(file: Path) -> list[Any]:
    """Return the values that a weight file loads into a network with a single scalar weight."""
    from fmask.model.weights import matterport

    loaded: list[Any] = []
    kernel = SimpleNamespace(name="kernel", shape=(), assign=loaded.append)
    part: Any = SimpleNamespace(layers=[SimpleNamespace(name="conv1", weights=[kernel])])
    network: Any = SimpleNamespace(trunk=part, box_head=part, mask_head=part)
    matterport.load_weights(network, file)
    return loaded


def test_a_file_of_a_scalar_weight_is_loaded(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "right.h5", "w") as file:
        file["conv1/kernel:0"] = np.float32(5)
        file["conv1"].attrs["weight_names"] = ["kernel:0"]
    assert scalar_weights(tmp_path / "right.h5") == [5]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"run_id": 5}, "its run_id has the type int"),
        ({"config": []}, "its config has the type list"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
    ],
)
def test_a_checkpoint_of_another_version(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    right = {"run_id": "abc", "config": {}, "part": "one", "epochs": 1, "log": {}}
    with h5py.File(tmp_path / "checkpoint.h5", "w") as file:
        file["checkpoint"] = json.dumps(right | changed)
    refused = refusal(lambda: read_checkpoint(tmp_path / "checkpoint.h5"))
    assert "checkpoint.h5 is not a training checkpoint: " in refused
    assert message in refused
