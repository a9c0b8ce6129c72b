"""The command that writes what is found."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask import cli
from fmask.inference import load
from fmask.structures.detections import Detections


class FakePredictor:
    """Finds a hat in the upper left of every photo, and a doubtful mask beside it."""

    batch_size = 2

    def predict(self, images: list[np.ndarray], batch_size: int) -> list[Detections]:
        return [self._detect(*image.shape[:2]) for image in images]

    def _detect(self, height: int, width: int) -> Detections:
        masks = np.zeros((2, height, width), bool)
        masks[0, :4, :5] = masks[1, :4, 5:] = True
        boxes = np.array([(0, 0, 4, 5), (0, 5, 4, width)], np.float32)
        return Detections(boxes, np.array([2, 1]), np.array([0.9, 0.4], np.float32), masks)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five photos, one of them broken, and a network by the name of `finder`."""
    for name in "abde":
        Image.new("RGB", (20, 12)).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    monkeypatch.setattr(load, "load", {"finder": FakePredictor()}.__getitem__)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fmask(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["detect", *arguments])


def said(answer: Any) -> str:
    """Of a `UserError`, which `main` prints."""
    return str(answer.exception)


def test_a_table_is_printed_alone(site: Path) -> None:
    answer = fmask("finder", "a.png", "b.png", "d.png")
    assert answer.exit_code == 0
    assert answer.stdout == (
        "photo,class,score,y1,x1,y2,x2,area\n"
        "a.png,hat,0.9000,0,0,4,5,20\nb.png,hat,0.9000,0,0,4,5,20\nd.png,hat,0.9000,0,0,4,5,20\n"
    )
    assert fmask("finder", "a.png", "--min-confidence", "0.4").stdout.count("a.png,") == 2


@pytest.mark.parametrize("format", ["csv", "coco", "via"])
def test_a_broken_photo_is_named_and_the_others_are_written(site: Path, format: str) -> None:
    answer = fmask("finder", ".", "--format", format, "-o", "found")
    assert answer.exit_code == 1
    assert "found: what was found in 4 photos" in answer.stderr
    assert "1 of 5 photos were left out:\nc.png is not a readable photo" in answer.stderr
    assert answer.stdout == ""
    text = Path("found").read_text()
    assert all(f"{name}.png" in text for name in "abde")
    assert "c.png" not in text
    assert not Path("found.part").exists()


def test_json_goes_to_standard_output_as_well(site: Path) -> None:
    assert len(json.loads(fmask("finder", "a.png", "--format", "coco").stdout)["annotations"]) == 1


def test_nothing_readable_writes_nothing(site: Path) -> None:
    assert "None of 1 photos can be read: c.png is not" in said(fmask("finder", "c.png", "-o", "found.csv"))
    assert not Path("found.csv").exists()


def test_a_file_that_is_there_is_kept_unless_told(site: Path) -> None:
    Path("mine.csv").write_text("hours of work")
    assert said(fmask("finder", "a.png", "-o", "mine.csv")) == "mine.csv is there already; --overwrite replaces it."
    assert Path("mine.csv").read_text() == "hours of work"
    assert fmask("finder", "a.png", "-o", "mine.csv", "--overwrite").exit_code == 0
    assert Path("mine.csv").read_text().startswith("photo,class")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "gone/found.csv"], "gone/found.csv is in no folder that is there"),
        (["-o", "."], ". is a folder"),
        (["--ground-truth", "truth.json"], "--ground-truth goes with --format coco, not csv"),
        (["nowhere.png"], "nowhere.png: there is no such photo"),
    ],
)
def test_mistakes_are_told_before_the_network_is_loaded(site: Path, arguments: list[str], message: str) -> None:
    assert message in said(fmask("no such network", "a.png", *arguments))
