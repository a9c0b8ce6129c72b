"""Every mistake gives an error message of one sentence: what is wrong, what was found and what is allowed."""

import json
import os
import pickle
import re
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from fmask import cli
from fmask.config.compose import register
from fmask.config.overrides import check_overrides
from fmask.data import paths
from fmask.data.formats.read import MAX_BYTES, read_split
from fmask.data.images import load_image
from fmask.inference import load as trained
from fmask.model.config import ModelConfig
from fmask.model.weights.metadata import NetworkMetadata, read_metadata
from fmask.studies import write_runs
from fmask.sweeping.check import check as check_sweep
from fmask.training.checkpoint import read_checkpoint
from fmask.utils.errors import UserError
from tests.helpers import targets
from tests.helpers.bad_commands import COMMANDS, RUNS, STORES
from tests.helpers.bad_inputs import ANNOTATIONS, FAULTS, PHOTOS, SHAPES, SWEEP, TRAIN
from tests.helpers.fabricated import run, study

CONF = Path(__file__).parents[1] / "conf"
NETWORK = NetworkMetadata("resnet18", ModelConfig(), 64, True)


def table(rows: list[Any]) -> pytest.MarkDecorator:
    """Parametrize a test with the rows of a table; the first element of a row is its id."""
    return pytest.mark.parametrize("row", [pytest.param(row[1:], id=row[0]) for row in rows])


def refusal(act: Callable[[], Any]) -> str:
    """Return the message of the `UserError` that `act` raises, after checking its form."""
    with pytest.raises(UserError) as refused:
        act()
    message = str(refused.value)
    check_form(message)
    return message


def check_form(message: str) -> None:
    assert message.isprintable()
    assert message.endswith((".", "?", "hydra-submitit-launcher==1.2.0")), message
    assert not re.search(r"[.?] [A-Z]", message.replace("Did you mean", "")), f"several sentences: {message}"
    assert len(message) < 900
    assert "hunter2" not in message
    assert "Traceback" not in message


@pytest.fixture
def desk(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory that `bad_commands` describes, and a model `fake` without detections."""
    Image.new("RGB", (20, 12)).save("a.png")
    for name in ("text.jpg", "text.h5", "text.mp4"):
        Path(name).write_text("hello\n" * 50)
    with h5py.File("model.h5", "w") as file:
        file.attrs["fmask"] = NETWORK.to_json()
    Path("none").mkdir()
    Path("split").mkdir()
    Image.new("RGB", (20, 12)).save("split/a.png")
    Path("split", paths.ANNOTATIONS).write_text(json.dumps(ANNOTATION))
    write_runs(study([run(1, "ffm", aug="none"), run(2, "fwm", aug="blur")]), Path("runs.csv"))
    load, fake = trained.load, SimpleNamespace(batch_size=1, predict=lambda images, batch_size: [])
    monkeypatch.setattr(trained, "load", lambda name: fake if name == "fake" else load(name))
    return store


ANNOTATION = {
    "a": {
        "filename": "a.png",
        "regions": [
            {
                "shape_attributes": {"name": "rect", "x": 2, "y": 2, "width": 5, "height": 5},
                "region_attributes": {"fmask": "mask"},
            }
        ],
    }
}


def fmask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """Return the error message of the command; typer draws its own messages in a box."""
    monkeypatch.setattr(sys, "argv", ["fmask", *arguments])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert "hunter2" not in printed.out + printed.err
    line = [line for line in printed.err.splitlines() if line.startswith(("fmask: ", "│"))][-1].strip("│ ")
    if line.startswith("fmask: "):
        check_form(line)
    return line


@table(TRAIN)
def test_an_override_of_train_py(row: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    override, message = row
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMASK_TEST_SECRET", "hunter2")
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    Path("text.h5").write_text("hello")
    register()
    assert message in refusal(lambda: check_overrides(CONF, "train", [override]))


@table(SWEEP)
def test_overrides_of_sweep_py(row: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides, message = row
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FMASK_TEST_SECRET", "hunter2")
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    register()
    assert message in refusal(lambda: check_sweep(CONF, "sweep", shlex.split(overrides)))


@table(ANNOTATIONS)
def test_an_annotation_file(row: tuple[Any, str], tmp_path: Path) -> None:
    content, message = row
    targets.prepare(tmp_path)
    (tmp_path / paths.ANNOTATIONS).write_text(content if isinstance(content, str) else json.dumps(content))
    assert message in refusal(lambda: read_split(tmp_path))


@table(FAULTS)
def test_an_entry_of_an_annotation_file(row: tuple[dict[str, Any], str, str], tmp_path: Path) -> None:
    document, kind, detail = row
    targets.prepare(tmp_path)
    (tmp_path / paths.ANNOTATIONS).write_text(json.dumps(document))
    fault = read_split(tmp_path).faults[0]
    assert (fault.kind, fault.detail) == (kind, detail)


@table(SHAPES)
def test_a_shape_of_an_annotation_file(row: tuple[Any, str, str], tmp_path: Path) -> None:
    shape, kind, detail = row
    targets.prepare(tmp_path)
    region = {"shape_attributes": shape, "region_attributes": {"fmask": "mask"}}
    (tmp_path / paths.ANNOTATIONS).write_text(json.dumps({"a": {"filename": "a.png", "regions": [region]}}))
    faults = {fault.kind: fault.detail for fault in read_split(tmp_path).faults if fault.region == 0}
    assert detail in faults[kind]
    assert len(faults[kind]) < 200


def test_an_annotation_file_of_gigabytes(tmp_path: Path) -> None:
    with (tmp_path / paths.ANNOTATIONS).open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse, takes no disk space
    message = refusal(lambda: read_split(tmp_path))
    assert "via_region_data.json has 536870913 bytes; an annotation file may have at most 536870912." in message


@table(PHOTOS)
def test_a_photo(row: tuple[bytes, str], tmp_path: Path) -> None:
    content, message = row
    (tmp_path / "a.jpg").write_bytes(content)
    refused = refusal(lambda: load_image(tmp_path / "a.jpg"))
    assert "a.jpg is not a readable photo: " in refused
    assert message in refused


@table(COMMANDS)
def test_a_command(
    row: tuple[str, str], desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, message = row
    before = set(desk.iterdir())
    assert message in fmask(capsys, monkeypatch, *shlex.split(arguments))
    assert {path for path in desk.iterdir() if path.suffix != ".lock"} == before  # no unfinished files


@table(RUNS)
def test_a_file_of_runs(
    row: tuple[str, str, str], desk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong, message = row
    text = Path("runs.csv").read_text()
    assert right in text
    Path("bad.csv").write_text(text.replace(right, wrong, 1))
    refused = fmask(capsys, monkeypatch, "table", "--from", "bad.csv")
    assert re.search(r"bad\.csv, lines \d+ to \d+: ", refused)
    assert message in refused


@table(STORES)
def test_a_store_of_runs(
    row: tuple[str, str],
    desk: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri, message = row
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert message in fmask(capsys, monkeypatch, "report", "latest")
    assert not any(word in caplog.text for word in ("hunter2", "hun/ter2", "ter2"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"backbone": "vgg"}, "backbone must be resnet18 or resnet50 or resnet101, not 'vgg'"),
        ({"num_classes": 1}, "num_classes must be a whole number from 2 to 1000, not 1"),
        ({"image_size": 10**6}, "image_size must be between 64 and 2048, not 1000000."),
        ({"image_size": "big"}, "image_size must be a whole number, not 'big'"),
        ({"antialias": 1}, "antialias must be true or false, not 1"),
        ({"model": {"norm": "magic"}}, "norm must be frozen or batch or group, not magic"),
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


def test_row_names_are_unique() -> None:
    tables: tuple[list[Any], ...] = (TRAIN, SWEEP, ANNOTATIONS, FAULTS, SHAPES, PHOTOS, COMMANDS, RUNS, STORES)
    names = [(number, row[0]) for number, rows in enumerate(tables) for row in rows]
    assert len(names) == len(set(names)) > 60
