"""The command `fmask detect`."""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask import cli
from fmask.inference import load
from fmask.structures.detections import Detections
from fmask.structures.operating_point import Calibration, OperatingPoint
from tests.helpers.classes import CLASSES
from tests.helpers.terminal import in_terminal

ROOT = Path(__file__).parents[2]


class FakePredictor:
    """Finds a hat in the upper left of every photo, and a mask with a low score beside it."""

    batch_size = 2
    threads = 1
    max_detections = 2
    classes = CLASSES
    operating_point: OperatingPoint | None = None

    def predict_each(self, images: Iterable[np.ndarray], batch_size: int) -> list[Detections]:
        return [self._detect(*image.shape[:2]) for image in images]

    def _detect(self, height: int, width: int) -> Detections:
        masks = np.zeros((2, height, width), bool)
        masks[0, :4, :5] = masks[1, :4, 5:] = True
        boxes = np.array([(0, 0, 4, 5), (0, 5, 4, width)], np.float32)
        scores = np.array([0.9, 0.4], np.float32)
        return Detections(boxes, np.array([2, 1]), scores, masks, CLASSES, operating_point=self.operating_point)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five photos, one of them broken, and a model with the name `finder`."""
    for name in "abde":
        Image.new("RGB", (20, 12)).save(tmp_path / f"{name}.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    monkeypatch.setattr(load, "load", lambda names, *_: {"finder": FakePredictor()}[names[0]])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_fake() -> None:
    """Run the command in a process of its own, with the fake predictor."""
    load.load = lambda *_: FakePredictor()  # type: ignore[assignment]
    cli.main()


def fmask(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["detect", *arguments])


def message(answer: Any) -> str:
    """Return the message of the `UserError`, which `main` prints."""
    return str(answer.exception)


def test_a_table_is_printed(site: Path) -> None:
    answer = fmask("finder", "a.png", "b.png", "d.png")
    assert answer.exit_code == 0
    assert answer.stdout == (
        "photo,class,score,y1,x1,y2,x2,area\n"
        "a.png,hat,0.9000,0,0,4,5,20\nb.png,hat,0.9000,0,0,4,5,20\nd.png,hat,0.9000,0,0,4,5,20\n"
    )
    assert fmask("finder", "a.png", "--min-confidence", "0.4").stdout.count("a.png,") == 2


def test_a_terminal_shows_a_table_to_read(site: Path) -> None:
    """In a terminal of 80 columns, a photo is named once, and nothing is cut off."""
    Path("long").mkdir()
    shutil.copy("a.png", "long/a_photo_with_a_name_that_does_not_fit_beside_the_numbers.png")
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.cli.test_detect import run_fake; run_fake()"
    shown = in_terminal([sys.executable, "-c", program, "detect", "finder", "a.png", "long", "--min-confidence", "0.4"])
    lines = [line.rstrip() for line in shown[shown.index("photo  ") :].splitlines()]  # after the progress bar
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["photo", "class", "score", "y1", "x1", "y2", "x2", "area"]
    assert lines[2].split() == ["a.png", "hat", "0.90", "0", "0", "4", "5", "20"]
    assert lines[3].split() == ["mask", "0.40", "0", "5", "4", "20", "60"]
    assert "a_photo_with_a_name_that_does_not_fit_beside_the_numbers.png" in "".join(
        line.split("  ")[0].strip() for line in lines[4:]
    )
    assert "4 objects in 2 photos; boxes and areas in pixels." in lines
    assert "As a picture: fmask splash finder a.png --boxes --labels" in lines
    csv = in_terminal([sys.executable, "-c", program, "detect", "finder", "a.png", "--format", "csv"])
    assert "\nphoto,class,score,y1,x1,y2,x2,area\n" in csv


def test_full_photos_are_reported(site: Path) -> None:
    """The fake network returns two detections at most; a limit that no photo reaches is not mentioned."""
    note = "2 of 2 photos have detection.count=2 detections, the most that the network returns: others may be missing."
    assert fmask("finder", "a.png", "b.png", "--min-confidence", "0.4").stderr == f"{note}\n"
    assert fmask("finder", "a.png", "b.png").stderr == ""


@pytest.mark.parametrize("format", ["csv", "coco", "via"])
def test_a_broken_photo_is_named_and_the_others_are_written(site: Path, format: str) -> None:
    answer = fmask("finder", ".", "--format", format, "-o", "found")
    assert answer.exit_code == 1
    assert "found: detections in 4 photos" in answer.stderr
    assert "1 of 5 photos could not be read:\nc.png is not a readable photo" in answer.stderr
    assert answer.stdout == ""
    text = Path("found").read_text()
    assert all(f"{name}.png" in text for name in "abde")
    assert "c.png" not in text
    assert not Path("found.part").exists()


def test_json_is_printed(site: Path) -> None:
    assert len(json.loads(fmask("finder", "a.png", "--format", "coco").stdout)["annotations"]) == 1


def test_no_file_is_written_if_no_photo_is_readable(site: Path) -> None:
    assert "None of 1 photos can be read: c.png is not" in message(fmask("finder", "c.png", "-o", "found.csv"))
    assert not Path("found.csv").exists()


def test_an_existing_file_is_kept_without_overwrite(site: Path) -> None:
    Path("mine.csv").write_text("hours of work")
    assert message(fmask("finder", "a.png", "-o", "mine.csv")) == "mine.csv already exists; --overwrite replaces it."
    assert Path("mine.csv").read_text() == "hours of work"
    assert fmask("finder", "a.png", "-o", "mine.csv", "--overwrite").exit_code == 0
    assert Path("mine.csv").read_text().startswith("photo,class")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-o", "gone/found.csv"], "gone/found.csv cannot be written: the folder gone does not exist."),
        (["-o", "."], ". is a folder"),
        (["--ground-truth", "truth.json"], "--ground-truth requires --format coco, not csv"),
        (["nowhere.png"], "nowhere.png: there is no such photo"),
    ],
)
def test_wrong_arguments_are_reported_before_the_model_is_loaded(
    site: Path, arguments: list[str], expected: str
) -> None:
    assert expected in message(fmask("no such model", "a.png", *arguments))


def test_the_operating_point_decides_unless_a_confidence_is_given(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = OperatingPoint("accuracy", {"mask": 0.3, "hat": 0.95}, Calibration(1, -1), 4, 4)
    monkeypatch.setattr(FakePredictor, "operating_point", point)
    chosen = fmask("finder", "a.png").stdout.splitlines()
    assert chosen[0] == "photo,class,score,y1,x1,y2,x2,area,probability"
    assert [line.split(",")[1] for line in chosen[1:]] == ["mask"]
    assert float(chosen[1].split(",")[-1]) == pytest.approx(1 / (1 + 0.6 / 0.4 * np.e), abs=1e-4)
    given = fmask("finder", "a.png", "--min-confidence", "0.5").stdout.splitlines()
    assert [line.split(",")[1:3] for line in given[1:]] == [["hat", "0.9000"]]


def test_without_an_operating_point_detections_count_from_a_half(site: Path) -> None:
    lines = fmask("finder", "a.png").stdout.splitlines()
    assert lines[0] == "photo,class,score,y1,x1,y2,x2,area"
    assert [line.split(",")[1] for line in lines[1:]] == ["hat"]


def test_further_models_and_views_are_loaded_with_the_first(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[Any, ...]] = []

    def fake(*arguments: Any) -> FakePredictor:
        loaded.append(arguments)
        return FakePredictor()

    monkeypatch.setattr(load, "load", fake)
    command = "detect finder a.png --with other --with third --view mirrored --view smaller --threads 1"
    assert CliRunner().invoke(cli.app, command.split()).exit_code == 0
    assert loaded == [(["finder", "other", "third"], (), None, 1, ["mirrored", "smaller"])]
