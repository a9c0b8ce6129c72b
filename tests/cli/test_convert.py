"""The command that converts annotations."""

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


def test_there_and_back(via_file: Path) -> None:
    answer = fmask("via.json", "coco.json")
    assert (answer.exit_code, answer.output) == (0, "coco.json: 2 regions in 1 photos\n")
    via_file.unlink()
    assert fmask(".", "back.json").output == "back.json: 2 regions in 1 photos\n"  # a folder with one JSON file
    (entry,) = json.loads(Path("back.json").read_text()).values()
    assert entry["regions"] == [square("mask"), square("hat")]


def test_what_is_left_out_is_told(via_file: Path) -> None:
    export = json.loads(via_file.read_text())
    export["a"]["regions"].append({"shape_attributes": {"name": "point"}, "region_attributes": {}})
    via_file.write_text(json.dumps(export | {"b": {"filename": "b.png", "regions": []}}))
    answer = fmask("via.json", "coco.json")
    assert answer.exit_code == 1
    assert "a.png region 2: unknown shape, 'point'; known are polygon" in answer.stderr
    assert "b.png: missing photo, listed, but not in the folder: photo left out" in answer.stderr
    assert answer.stdout == "coco.json: 2 regions in 1 photos\n"


def test_categories_have_to_be_said(via_file: Path) -> None:
    fmask("via.json", "coco.json")
    text = Path("coco.json").read_text()
    Path("coco.json").write_text(text.replace('"hat"', '"hard hat"'))
    refusal = str(fmask("coco.json", "back.json").exception)
    assert refusal.startswith(
        "coco.json has objects of the categories 'hard hat'; known are 'hat', 'mask': say what each is"
    )
    assert not Path("back.json").exists()
    assert fmask("coco.json", "back.json", "--category", "hard hat=hat").exit_code == 0
    assert [
        each["region_attributes"]["fmask"]
        for each in next(iter(json.loads(Path("back.json").read_text()).values()))["regions"]
    ] == ["mask", "hat"]
    assert "1 regions" in fmask("coco.json", "back.json", "--category", "hard hat=", "--overwrite").stdout


@pytest.mark.parametrize("given", ["hard hat", "=hat", "hard hat=cap"])
def test_a_category_that_says_nothing_is_refused(via_file: Path, given: str) -> None:
    assert "expected NAME=CLASS with one of mask, hat" in str(
        fmask("via.json", "x.json", "--category", given).exception
    )


def test_nothing_is_replaced_unless_told(via_file: Path) -> None:
    before = via_file.read_text()
    assert "via.json is there already" in str(fmask("via.json", "via.json").exception)
    assert via_file.read_text() == before
    assert "is a VIA file" in str(fmask("via.json", "x.json", "--category", "cap=hat").exception)
