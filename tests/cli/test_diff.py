"""The command `fmask diff`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fmask.cli import app
from fmask.utils.errors import UserError
from tests.helpers.own_data import write_own, write_yolo
from tests.helpers.via import SQUARE, region, write_via

OTHER = {"name": "polygon", "all_points_x": [10, 18, 18, 10], "all_points_y": [3, 3, 9, 9]}
SMALLER = {**SQUARE, "all_points_y": [3, 3, 8, 8]}


def diff(*words: str, status: int = 1) -> list[list[str]]:
    """Return the words of each line of the output."""
    result = CliRunner().invoke(app, ["diff", *words], catch_exceptions=False)
    assert result.exit_code == status
    return [line.split() for line in result.output.splitlines()]


def folder(path: Path, regions: dict[str, list[dict[str, object]]]) -> str:
    path.mkdir(parents=True)
    return str(write_via(path, regions))


def test_changes_are_counted_and_listed(tmp_path: Path) -> None:
    hat = region(OTHER, fmask="hat")
    old = folder(tmp_path / "old", {"a.png": [region(), hat], "b.png": [region()], "c.png": [region(OTHER)]})
    new = folder(
        tmp_path / "new", {"a.png": [region(fmask="hat"), region()], "b.png": [region(SMALLER), hat], "d.png": [hat]}
    )
    table = tmp_path / "changes.csv"
    lines = diff(old, new, "--csv", str(table))
    assert ["added", "2", "2"] in lines
    assert ["removed", "1", "1"] in lines
    assert ["class", "changed", "0", "0"] in lines
    assert ["outline", "changed", "1", "1"] in lines
    assert ["4", "regions", "in", "3", "photos", "in", f"{old},"] == lines[-7][:7]
    assert lines[-7][-5:] == ["photos", "added:", "1,", "removed:", "1."]
    assert "b.png: outline changed: mask (region 0) to mask (region 0), IoU 0.86" in map(" ".join, lines)
    assert table.read_text().splitlines() == [
        "photo,change,old_region,old_class,new_region,new_class,iou",
        "a.png,removed,1,hat,,,",
        "a.png,added,,,0,hat,",
        "b.png,outline changed,0,mask,0,mask,0.8571",
        "b.png,added,,,1,hat,",
        "c.png,photo removed,,,,,",
        "d.png,photo added,,,,,",
    ]


def test_equal_annotations(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", {"a.png": [region()]})
    assert ["added", "0", "0"] in diff(old, f"{old}/via_region_data.json", status=0)


def test_yolo_files_are_compared_with_another_format(tmp_path: Path) -> None:
    via = write_own(tmp_path / "via", ["mask", "hat"])
    yolo = write_yolo(tmp_path / "yolo", ["mask", "hat"])
    for old, new in ((via, yolo), (yolo, via)):
        lines = diff(str(old), str(new), "--attribute", "label", status=0)
        assert ["added", "0", "0"] in lines
        assert ["outline", "changed", "0", "0"] in lines  # although YOLO rounds the points of the outlines


def test_the_splits_of_a_data_set_are_compared(tmp_path: Path) -> None:
    for name, label in (("old", "mask"), ("new", "hat")):
        folder(tmp_path / name / "train", {"a.png": [region(fmask=label)]})
        folder(tmp_path / name / "val", {"a.png": [region()]})
    lines = diff(str(tmp_path / "old"), str(tmp_path / "new"))
    assert " ".join(lines[-1]) == "train/a.png: class changed: mask (region 0) to hat (region 0), IoU 1.00"


def test_a_file_without_photos_is_read_with_those_of_the_other(tmp_path: Path) -> None:
    for split in ("train", "val"):
        folder(tmp_path / "data" / split, {"a.png": [region()]})
        corrected = tmp_path / "corrected" / split
        corrected.mkdir(parents=True)
        text = (tmp_path / "data" / split / "via_region_data.json").read_text()
        (corrected / "via_region_data.json").write_text(text.replace("mask", "hat"))
    lines = diff(str(tmp_path / "data"), str(tmp_path / "corrected"))
    assert ["class", "changed", "2", "2"] in lines
    one = diff(str(tmp_path / "data" / "train"), str(tmp_path / "corrected" / "train" / "via_region_data.json"))
    assert ["class", "changed", "1", "1"] in one


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", {"a.png": [region()]})
    with pytest.raises(UserError, match="nowhere does not exist; expected a data set, a folder"):
        diff(old, str(tmp_path / "nowhere"))
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "via_region_data.json").write_text("{}")
    with pytest.raises(UserError, match="empty lists no usable photo; --photos FOLDER names"):
        diff(old, str(empty))
