"""Every mistake gives an error message of one sentence: what is wrong, what was found and what is allowed."""

import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import pytest
from PIL import Image

from fmask import cli
from fmask.config.compose import register
from fmask.config.overrides import check_no_sweep, check_overrides
from fmask.data import paths
from fmask.data.formats.limits import MAX_BYTES
from fmask.data.formats.read import read_split
from fmask.data.images import load_image
from fmask.inference import load as trained
from fmask.studies import write_runs
from fmask.sweeping.check import check as check_sweep
from tests.helpers import targets
from tests.helpers.bad_commands import COMMANDS, RUNS, STORES
from tests.helpers.bad_inputs import ANNOTATIONS, FAULTS, PHOTOS, SHAPES
from tests.helpers.bad_overrides import SWEEP, TRAIN
from tests.helpers.classes import CLASSES
from tests.helpers.fabricated import run, study
from tests.helpers.refusals import NETWORK, check_form, refusal, table

CONF = Path(__file__).parents[1] / "conf"


@pytest.fixture
def desk(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory that `bad_commands` describes, and a model `fake` without detections."""
    Image.new("RGB", (20, 12)).save("a.png")
    for name in ("text.jpg", "text.h5", "text.mp4"):
        Path(name).write_text("hello\n" * 50)
    with h5py.File("model.h5", "w") as file:
        file.attrs["fmask"] = NETWORK.to_json()
    with h5py.File("bare.h5", "w") as file:
        file["weights"] = [0.0]
    Path("none").mkdir()
    Path("split").mkdir()
    Image.new("RGB", (20, 12)).save("split/a.png")
    Path("split", paths.ANNOTATIONS).write_text(json.dumps(ANNOTATION))
    write_runs(study([run(1, "ffm", aug="none"), run(2, "fwm", aug="blur")]), Path("runs.csv"))
    load = trained.load
    fake = SimpleNamespace(
        classes=CLASSES,
        hierarchy={},
        batch_size=1,
        threads=1,
        max_detections=9,
        operating_point=None,
        predict_each=lambda images, batch_size: iter(images),
    )
    monkeypatch.setattr(trained, "load", lambda names, *options: fake if "fake" in names else load(names, *options))
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


@pytest.mark.parametrize(
    "override", ["hydra/launcher=slurm", "+hydra.launcher.jobs=2", "hydra.sweeper.trials=3", "plan=p", "finished=f"]
)
def test_a_setting_of_sweeps_is_not_one_of_train_py(override: str) -> None:
    message = refusal(lambda: check_no_sweep(["seed=1", override]))
    assert message == f"{override} is a setting of `fmask sweep`; `fmask train` makes one run."


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


def test_row_names_are_unique() -> None:
    tables: tuple[list[Any], ...] = (TRAIN, SWEEP, ANNOTATIONS, FAULTS, SHAPES, PHOTOS, COMMANDS, RUNS, STORES)
    names = [(number, row[0]) for number, rows in enumerate(tables) for row in rows]
    assert len(names) == len(set(names)) > 60
