"""The command `fmask suspects`."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fmask import tracking
from fmask.cli import app
from fmask.data.config import ReadOptions
from fmask.data.dataset import digest
from fmask.data.formats.read import read_file, read_split
from fmask.data.formats.via import write_split
from fmask.report.suspect_page import _view
from fmask.structures.annotations import Photo
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY
from tests.helpers.made_up import MALICIOUS_NAME, MASK, FakePredictor, make_run
from tests.helpers.scenes import HEIGHT, WIDTH, Box, detections, photo

SHIFTED: Box = (8, 40, 28, 70)


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: FakePredictor())


def run_command(*words: str) -> list[list[str]]:
    """Return the words of each line of the output."""
    result = CliRunner().invoke(app, ["suspects", *words], catch_exceptions=False, env={"COLUMNS": "80"})
    assert result.exit_code == 0
    return [line.split() for line in result.output.splitlines()]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "suspects" / "suspects.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_photos_of_a_run_are_ranked(store: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "data")
    lines = run_command(run)
    assert lines[0][:7] == ["2", "photos", "with", "4", "objects.", "Networks:", "1;"]
    assert ["0.50", "missing", "test/plain.jpg", "-", "-", "hat"] in [line[1:] for line in lines]
    assert ["0.07", "wrong", "class", "test/plain.jpg", "1", "hat", "mask"] in [line[1:] for line in lines]
    listed = rows(store)
    assert [each["kind"] for each in listed[:2]] == ["missing outline"] * 2
    assert {each["photo"] for each in listed} == {f"test/{MALICIOUS_NAME}", "test/plain.jpg"}
    wrong = next(each for each in listed if each["kind"] == "wrong class")
    assert (wrong["region"], wrong["annotated"], wrong["proposed"], wrong["iou"]) == ("1", "hat", "mask", "1.0000")
    assert [wrong[side] for side in ("y1", "x1", "y2", "x2")] == ["0", "40", "20", "70"]
    assert [float(each["suspicion"]) for each in listed] == sorted(
        (float(each["suspicion"]) for each in listed), reverse=True
    )
    page = (store / "suspects" / "suspects.html").read_text()
    assert page.count("<figure") == len(listed)
    assert "onerror=alert(1)>" not in page.replace("onerror=alert(1)&gt;", "")
    assert "taken at home" not in page


def test_a_study_is_all_of_its_runs(store: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "data")
    found = tracking.find_runs("made up")[0].datasets["test"].partition("@")[2]
    run = log_run(tmp_path / "data", found, tmp_path / "data" / "last.h5")
    lines = run_command("made up", "-n", "1")
    assert " ".join(lines[0][5:]) == "Networks: 2; each photo was predicted by 2 not trained on it."
    page = (store / "suspects" / "suspects.html").read_text()
    assert (page.count("<figure"), page.count("<img")) == (1, 2)
    twice = rows(store)
    run_command(run)
    assert [each["suspicion"] for each in rows(store)] == [each["suspicion"] for each in twice]  # equal networks


def log_run(data: Path, sha256: str, weights: Path) -> str:
    """Log a finished run on the test photos of a data set, and return its id."""
    folder = weights.parent / "another"
    with tracking.start_run({"epochs": 2, "data": {"name": "photos"}}, "made up", output_dir=folder) as run:
        run.log_dataset("test", "photos", data, sha256, 2, {"mask": 2, "hat": 2})
        run.log_file(weights, "weights")
    return run.id


class Shifted(FakePredictor):
    """Finds the mask, the hat lower than it is annotated, and a hat that is not annotated."""

    def predict_each(self, images: Any, batch_size: int) -> Any:
        shapes = [image.shape for image in images]
        return [detections((*MASK, 0.99), ("hat", SHIFTED, 0.99), ("hat", (45, 60, 58, 75), 0.95)) for _ in shapes]


@pytest.mark.parametrize("format", ["via", "coco"])
def test_suspects_are_marked_in_annotation_files(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    run = make_run(tmp_path / "data")
    before = read_file(tmp_path / "data" / "test" / "via_region_data.json", tmp_path / "data" / "test").photos
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: Shifted())
    lines = run_command(run, "--format", format, "-n", "100")
    file = store / "suspects" / "test" / {"via": "via_region_data.json", "coco": "coco.json"}[format]
    assert [str(file.relative_to(store)), "has", "the", "annotations"] == lines[-1][:4]
    document = json.loads(file.read_text())
    if format == "via":
        entry = next(each for each in document.values() if each["filename"] == "plain.jpg")
        marks = [each["region_attributes"].get("suspect", "") for each in entry["regions"]]
    else:
        image = next(each["id"] for each in document["images"] if each["file_name"] == "plain.jpg")
        own = [each for each in document["annotations"] if each["image_id"] == image]
        marks = [each.get("suspect", "") for each in own if each["iscrowd"] == 0 or each["category_id"] == 1]
    assert marks[1].startswith("sloppy outline 0.")
    assert {mark.split(" 0.")[0] for mark in marks[2:]} == {"proposed, missing outline", "proposed, sloppy outline"}
    # Without corrections, the annotations mean what they meant: proposals are regions to ignore.
    after = read_file(file, tmp_path / "data" / "test", ReadOptions(classes=("mask", "hat"))).photos
    assert [objects(each) for each in after] == [objects(each) for each in before]
    proposed = [region for region in after[1].regions if region.ignore]
    assert [region.label for region in proposed] == ["hat", "hat"]
    best = max(
        region.mask(HEIGHT, WIDTH)[SHIFTED[0] : SHIFTED[2], SHIFTED[1] : SHIFTED[3]].mean() for region in proposed
    )
    assert best > 0.95


def objects(annotated: Photo) -> list[tuple[str | None, list[list[float]]]]:
    return [(region.label, region.polygon.tolist()) for region in annotated.regions if not region.ignore]


def test_other_annotations_of_the_same_photo_are_refused(store: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "data")
    second = tmp_path / "second" / "test"
    second.mkdir(parents=True)
    (second / "plain.jpg").symlink_to(tmp_path / "data" / "test" / "plain.jpg")
    write_split(second, [photo(MASK, name=str(second / "plain.jpg"))])
    found = digest(read_split(second, OF_STUDY))
    log_run(second.parent, found, tmp_path / "data" / "last.h5")
    with pytest.raises(UserError, match=r"plain\.jpg has other annotations in the run .* give runs of the same"):
        run_command("made up")


def test_runs_that_cannot_predict_are_left_out(store: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "data")
    log_run(tmp_path / "data", "0" * 64, tmp_path / "data" / "last.h5")
    lines = run_command("made up")
    assert "is left out: The photos or annotations in" in " ".join(lines[0])
    assert lines[1][5:7] == ["Networks:", "1;"]
    (tmp_path / "data" / "test").rename(tmp_path / "away")
    with pytest.raises(UserError, match=r"is left out: .* has no photos any more"):
        run_command(run)


def test_a_study_without_finished_runs_is_refused(store: Path, tmp_path: Path) -> None:
    with tracking.start_run({"data": {"name": "photos"}}, "evaluated", output_dir=tmp_path):
        pass
    with pytest.raises(UserError, match="The study 'evaluated' has no finished training"):
        CliRunner().invoke(app, ["suspects", "evaluated"], catch_exceptions=False)


def test_pictures_show_the_suspect_as_large_as_they_can() -> None:
    around = photo(("hat", (0, 0, 60, 70)))
    whole = encode_mask(around.regions[0].mask(HEIGHT, WIDTH))
    assert _view(around, [whole]) == (0, -10, 80, 70)  # the longer side of the photo
    small = photo(("hat", (50, 70, 60, 80)))
    assert _view(small, small.run_lengths()) == (58, 38, 80, 60)  # moved into the photo
