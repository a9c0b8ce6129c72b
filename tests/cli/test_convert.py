"""The command `fmask convert`."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from fmask import cli


def square(label: str) -> dict[str, Any]:
    shape = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [3, 3, 9, 9]}
    return {"shape_attributes": shape, "region_attributes": {"fmask": label}}


@pytest.fixture
def via_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (20, 12)).save("a.png")
    file = Path("via.json")
    file.write_text(json.dumps({"a": {"filename": "a.png", "regions": [square("mask"), square("hat")]}}))
    return file


def fmask(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["convert", *arguments])


def test_round_trip(via_file: Path) -> None:
    answer = fmask("via.json", "coco.json")
    assert (answer.exit_code, answer.output) == (0, "coco.json: 2 regions in 1 photos\n")
    via_file.unlink()
    assert fmask(".", "back.json").output == "back.json: 2 regions in 1 photos\n"  # a folder with one JSON file
    (entry,) = json.loads(Path("back.json").read_text()).values()
    assert entry["regions"] == [square("mask"), square("hat")]


def test_left_out_regions_and_photos_are_listed(via_file: Path) -> None:
    export = json.loads(via_file.read_text())
    export["a"]["regions"].append({"shape_attributes": {"name": "point"}, "region_attributes": {}})
    via_file.write_text(json.dumps(export | {"b": {"filename": "b.png", "regions": []}}))
    answer = fmask("via.json", "coco.json")
    assert answer.exit_code == 1
    assert "a.png region 2: unknown shape, 'point'; expected one of polygon" in answer.stderr
    assert "b.png: missing photo, listed, but not in the folder: photo left out" in answer.stderr
    assert answer.stdout == "coco.json: 2 regions in 1 photos\n"


def test_categories_are_classes_unless_they_are_mapped(via_file: Path) -> None:
    fmask("via.json", "coco.json")
    text = Path("coco.json").read_text()
    Path("coco.json").write_text(text.replace('"hat"', '"hard hat"'))
    for name, options in {"hard hat": (), "hat": ("--map", "{hard hat: hat}", "--overwrite")}.items():
        assert fmask("coco.json", "back.json", *options).exit_code == 0
        regions = next(iter(json.loads(Path("back.json").read_text()).values()))["regions"]
        assert [each["region_attributes"]["fmask"] for each in regions] == ["mask", name]
    left_out = fmask("coco.json", "back.json", "--map", "{hard hat: null}", "--overwrite")
    assert "1 regions" in left_out.stdout
    assert "regions left out by the map: hard hat 1" in left_out.stderr


@pytest.mark.parametrize("typed", ["hard hat", "{hard hat: [hat]}", "{hard hat", "[hat]"])
def test_a_malformed_map_is_refused(via_file: Path, typed: str) -> None:
    refusal = str(fmask("via.json", "x.json", "--map", typed).exception)
    assert refusal.startswith("--map")
    assert "hat" in refusal


def test_an_existing_file_is_kept_without_overwrite(via_file: Path) -> None:
    before = via_file.read_text()
    assert "via.json already exists; --overwrite replaces it." in str(fmask("via.json", "via.json").exception)
    assert via_file.read_text() == before
    refusal = str(fmask("via.json", "x.json", "--map", "{cap: hat}").exception)
    assert refusal == "via.json: no region has the `fmask` 'cap'; they have 'hat', 'mask'."


def test_other_formats_are_written_to_folders(via_file: Path) -> None:
    document = json.loads(via_file.read_text())
    document["a"]["regions"].append(square("hat") | {"region_attributes": {"fmask": "hat", "ignore": "true"}})
    via_file.write_text(json.dumps(document))
    answer = fmask("via.json", "yolo", "--to", "yolo")
    note = "regions to ignore, left out: 1; in YOLO files, what shows them is background\n"
    assert (answer.exit_code, answer.output) == (1, f"{note}yolo: 2 regions in 1 photos\n")
    assert "already exists" in str(fmask("via.json", "yolo", "--to", "yolo").exception)
    assert fmask("via.json", "yolo", "--to", "yolo", "--overwrite").exit_code == 1
    assert fmask("yolo", "coco.json", "--to", "coco").output == "coco.json: 2 regions in 1 photos\n"
    via_file.unlink()
    assert fmask("coco.json", ".", "--to", "labelme", "--photos", "yolo").output == ".: 2 regions in 1 photos\n"
    assert json.loads(Path("images/train/a.json").read_text())["imagePath"] == "../../yolo/images/train/a.png"
