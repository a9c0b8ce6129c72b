"""The command `fmask operate`."""

import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask import cli, tracking
from fmask.cli.show import _operating_rows
from fmask.data.dataset import digest
from fmask.data.formats.read import read_split
from fmask.data.formats.via import write_split
from fmask.inference import load
from fmask.model.config import ModelConfig
from fmask.model.weights.exported import WEIGHTS, exported_file, read_properties
from fmask.model.weights.metadata import NetworkMetadata, read_metadata, read_operating_point
from fmask.model.weights.operating_point import PROPERTY, from_text
from fmask.structures.detections import Detections
from fmask.structures.operating_point import NEVER, Calibration, OperatingPoint
from fmask.utils.files import sha256_of
from tests.helpers.classes import CLASSES, OF_STUDY
from tests.helpers.mlflow_runs import artifacts, client
from tests.helpers.scenes import HEIGHT, WIDTH, detections, photo

MASK, HAT, NOTHING = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70)), (45, 60, 58, 75)


class FakePredictor:
    """Finds both objects, and a spurious hat with a low score."""

    batch_size = 4
    threads = 1
    image_size = 256
    max_detections = None

    def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
        return [detections((*MASK, 0.97), (*HAT, 0.9), ("hat", NOTHING, 0.6)) for _ in images]


def write_network(folder: Path) -> Path:
    """Write a weight file without weights, and an ONNX file that belongs to it."""
    file = folder / "last.h5"
    with h5py.File(file, "w") as opened:
        opened.attrs["fmask"] = NetworkMetadata("resnet18", ModelConfig(), 256, True, CLASSES).to_json()
        opened["kernel"] = np.arange(5.0)
    graph = onnx.helper.make_graph([], "fmask", [], [])
    model = onnx.helper.make_model(graph)
    for key, value in ((WEIGHTS, sha256_of(file)), ("fmask.backbone", "resnet18")):
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, file.with_suffix(".onnx"))
    return file


@pytest.fixture
def run(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run with validation and test photos; its network is the fake one."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    network = write_network(outputs)
    monkeypatch.setattr(load, "load", lambda *_, **__: FakePredictor())
    tags = {"output_dir": str(outputs)}
    with tracking.start_run({"data": {"name": "mine"}, "epochs": 1}, "mine", tags=tags, output_dir=outputs) as logged:
        for split, names, colour in (("val", "ab", "navy"), ("test", "cd", "olive")):
            folder = tmp_path / "site" / split
            folder.mkdir(parents=True)
            for name in names:
                Image.new("RGB", (WIDTH, HEIGHT), colour).save(folder / f"{name}.png")
            write_split(folder, [photo(MASK, HAT, name=str(folder / f"{name}.png")) for name in names])
            found = read_split(folder, OF_STUDY)
            logged.log_dataset(split, "mine", folder.parent, digest(found), 2, {"mask": 2, "hat": 2})
        logged.log_file(network, "weights")
        logged.log_file(network.with_suffix(".onnx"), "weights")
        logged.log_model(network)
    return logged.id


def fmask(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, arguments, catch_exceptions=False, terminal_width=200)


def models(run: str) -> list[Path]:
    found = client().search_logged_models([client().get_run(run).info.experiment_id])
    return [Path(each.artifact_location.removeprefix("file://").replace("%20", " ")) for each in found]


def test_the_choice_is_stored_with_the_network(run: str, tmp_path: Path) -> None:
    before = models(run)[0] / "artifacts/last.h5"
    content = before.read_bytes()
    done = fmask("operate", run[:8])
    assert done.exit_code == 0
    assert "Operating point for accuracy, chosen on 4 objects in 2 photos of val" in " ".join(done.output.split())
    weights = artifacts(run) / "weights/last.h5"
    point = read_operating_point(weights, CLASSES)
    assert point is not None
    assert point.thresholds["hat"] == pytest.approx(0.75)
    assert 0.6 < point.thresholds["hat"] <= 0.9
    with h5py.File(weights) as opened:
        assert opened["kernel"][:].tolist() == [0, 1, 2, 3, 4]
    assert read_metadata(weights).classes == CLASSES
    exported = exported_file(weights)  # its digest is that of the new weight file
    assert exported is not None
    properties = read_properties(exported)
    assert from_text(properties[PROPERTY], CLASSES, exported) == point
    assert properties["fmask.backbone"] == "resnet18"
    assert exported_file(tmp_path / "outputs/last.h5")
    assert (tmp_path / "outputs/last.h5").read_bytes() == weights.read_bytes()
    newest, oldest = models(run)
    assert read_operating_point(newest / "artifacts/last.h5", CLASSES) == point
    assert (oldest / "artifacts/last.h5").read_bytes() == content
    described = (newest / "MLmodel").read_text()
    assert "min_confidence" in described
    assert "probability" in described
    assert "probability" not in (oldest / "MLmodel").read_text()
    logged = json.loads((artifacts(run) / "operating_point.json").read_text())
    assert logged["operating_point"] == point.to_json()
    assert (logged["splits"]["test"]["found"], logged["splits"]["test"]["spurious"]) == (4, 0)
    assert {each.name for each in (artifacts(run) / "figures").iterdir()} == {
        "val_reliability.png",
        "test_reliability.png",
    }


def test_show_prints_the_operating_point(run: str) -> None:
    assert "none: detections count from a score of 0.5" in fmask("show", run).output
    fmask("operate", run, "--aim", "false_alarms=0")
    shown = " ".join(fmask("show", run).output.split())
    assert re.search(r"mask from 0\.\d+, hat from 0\.75; for false_alarms=0, on 4 objects in 2 photos", shown)


def test_show_prints_names_in_brackets_and_classes_without_detections(
    run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = replace(tracking.find_run(run), name="[old] run")
    monkeypatch.setattr(tracking, "find_run", lambda _: found)
    point = OperatingPoint("false_alarms=0", {"mask": 0.5, "hat": NEVER}, Calibration(1, 0), 2, 4)
    assert "([old] run)" in fmask("show", run).output
    assert _operating_rows(point)["operating point"].startswith("mask from 0.5, no hat; for false_alarms=0, on ")


def test_a_folder_of_the_same_name_hides_no_run(run: str) -> None:
    for name in ("latest", run[:8]):
        Path(name).mkdir()
        assert fmask("operate", name, "--dry-run").exit_code == 0


def test_a_dry_run_stores_nothing(run: str) -> None:
    content = (artifacts(run) / "weights/last.h5").read_bytes()
    assert "Operating point" in fmask("operate", run, "--dry-run").output
    assert (artifacts(run) / "weights/last.h5").read_bytes() == content
    assert not (artifacts(run) / "operating_point.json").exists()


def test_a_run_without_test_photos_is_chosen_for_too(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tracking.find_run(run)
    only_val = {name: value for name, value in found.datasets.items() if name != "test"}
    monkeypatch.setattr(tracking, "find_run", lambda _: replace(found, datasets=only_val))
    done = fmask("operate", run)
    assert "val found" in done.output
    assert "test found" not in done.output
    assert list(json.loads((artifacts(run) / "operating_point.json").read_text())["splits"]) == ["val"]


def test_photos_that_are_missing_are_named(run: str, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "site/val")
    done = CliRunner().invoke(cli.app, ["operate", run])
    assert re.search(r"needs the val photos of the run: .*val has no photos any more", str(done.exception))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["latest", "--aim", "recall"], "--aim must be accuracy, precision=P with P from 0 to 1"),
        (["models:/finder/1"], "models:/finder/1 is not a run"),
        (["outputs/last.h5"], "outputs/last.h5 is not a run"),
    ],
)
def test_mistakes_are_one_sentence(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert reason in str(CliRunner().invoke(cli.app, ["operate", *arguments]).exception)


def test_detections_carry_the_operating_point_of_the_network(run: str) -> None:
    fmask("operate", run)
    point = read_operating_point(artifacts(run) / "weights/last.h5", CLASSES)
    (found,) = FakePredictor().predict_each([np.zeros((HEIGHT, WIDTH, 3), np.uint8)], 1)
    assert len(found.select()) == 3
    assert len(replace(found, operating_point=point).select()) == 2
    assert len(replace(found, operating_point=point).select(0.95)) == 1
