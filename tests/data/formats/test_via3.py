"""Projects of VIA 3, and CSV exports of VIA 1 and 2."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data.formats.read import read_split
from fmask.utils.errors import UserError
from tests.helpers.via import SQUARE, kinds, region, write_via

POLYGON = [7, 2, 3, 8, 3, 8, 9, 2, 9]
KIND = {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "mask", "1": "hat"}}


def project(*metadata: dict[str, Any], kind: dict[str, Any] = KIND, **more: Any) -> dict[str, Any]:
    empty = {"aname": "empty", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}}
    return {
        "project": {"pid": "x"},
        "config": {},
        "attribute": {"1": kind, "2": empty},
        "file": {"7": {"fid": 7, "fname": "a.png", "type": 2, "loc": 1, "src": ""}},
        "view": {"3": {"fid_list": [7]}},
        "metadata": {f"3_{index}": each for index, each in enumerate(metadata)},
    } | more


def shape(xy: Any = POLYGON, value: Any = "0", **more: Any) -> dict[str, Any]:
    return {"vid": "3", "flg": 0, "z": [], "xy": xy, "av": {"1": value}} | more


def write(folder: Path, document: Any) -> Path:
    Image.new("RGB", (20, 12)).save(folder / "a.png")
    (folder / "project.json").write_text(json.dumps(document))
    return folder


def test_shapes_are_those_of_via_2(tmp_path: Path) -> None:
    shapes = [POLYGON, [6, *POLYGON[1:]], [2, 2, 3, 6, 6], [3, 10, 6, 4], [4, 10, 6, 4, 2]]
    split = read_split(write(tmp_path, project(*map(shape, shapes))))
    names: list[dict[str, Any]] = [
        SQUARE,
        SQUARE | {"name": "polyline"},
        {"name": "rect", "x": 2, "y": 3, "width": 6, "height": 6},
        {"name": "circle", "cx": 10, "cy": 6, "r": 4},
        {"name": "ellipse", "cx": 10, "cy": 6, "rx": 4, "ry": 2},
    ]
    (tmp_path / "via2").mkdir()
    expected = read_split(write_via(tmp_path / "via2", {"a.png": [region(each, kind="mask") for each in names]}))
    assert split.faults == expected.faults == ()
    np.testing.assert_array_equal(split.photos[0].masks(), expected.photos[0].masks())


@pytest.mark.parametrize(("kind", "value"), [(1, "hat"), (2, "1"), (2, {"1": True}), (3, "1"), (4, "1")])
def test_every_kind_of_attribute_is_read(tmp_path: Path, kind: int, value: Any) -> None:
    split = read_split(write(tmp_path, project(shape(value=value), kind=KIND | {"type": kind})))
    assert [(each.label, each.ignore) for each in split.photos[0].regions] == [("hat", False)]


def test_two_ticked_boxes_are_no_class(tmp_path: Path) -> None:
    split = read_split(write(tmp_path, project(shape(value="0,1"), shape(), kind=KIND | {"type": 2})))
    assert kinds(split) == ["unknown label"]


def test_a_photo_without_shapes_may_be_marked_as_empty(tmp_path: Path) -> None:
    assert kinds(read_split(write(tmp_path, project()))) == ["no regions"]
    assert read_split(write(tmp_path, project(shape([], "") | {"av": {"2": "true"}}))).empty == 1


@pytest.mark.parametrize(
    ("xy", "kind"),
    [
        ([1, 5, 5], "unknown shape"),
        ([5, 1, 1, 9, 9], "unknown shape"),
        ([9, 1, 1, 9, 9, 5, 5], "unknown shape"),
        (["7", 1, 1], "unknown shape"),
        (3, "unknown shape"),
        ([2, 1, 1, 9], "bad coordinates"),
        ([7, 1, 1, 9], "bad coordinates"),
        ([7, 1, 1, 9, 9], "too few points"),
        ([7, 1, 1, 9, "x", 5, 5], "bad coordinates"),
    ],
)
def test_a_bad_shape_is_a_fault(tmp_path: Path, xy: Any, kind: str) -> None:
    split = read_split(write(tmp_path, project(shape(xy), shape())))
    assert [(fault.kind, fault.region) for fault in split.faults] == [(kind, 0)]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (project(shape(vid="4")), "the metadata '3_0' has a `vid` that is not among the views"),
        (project(shape(z=[1.5])), "is about a time in a film"),
        (project(view={"3": {"fid_list": [7, 8]}}), "the view '3' must have one file"),
        (project(view={"3": None}), "the view '3' must have one file"),
        (project(view={"3": {"fid_list": [8]}}), "the file 8 of the view '3' has no `fname`"),
        (project(file={"7": {"fname": "a.mp4", "type": 4}}), "'a.mp4' is a film or a sound"),
    ],
)
def test_a_project_of_another_structure_is_refused(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_split(write(tmp_path, document))


COLUMNS = [
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
]


def write_csv(folder: Path, *rows: list[str], head: str = "") -> Path:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 12)).save(folder / name)
    with (folder / "via.csv").open("w", encoding="utf-8-sig", newline="") as file:
        file.write(head)
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder


def row(label: str = "mask", name: str = "a.png", shape: Any = SQUARE, marks: str = "{}") -> list[str]:
    return [name, "1", marks, "1", "0", json.dumps(shape), json.dumps({"kind": label} if shape else {})]


@pytest.mark.parametrize("head", ["", "#"])
def test_a_csv_export_is_read_like_the_json_export(tmp_path: Path, head: str) -> None:
    rows = [row(), row("hat"), row(name="b.png", shape={}, marks='{"empty": "true"}')]
    split = read_split(write_csv(tmp_path, *rows, head=head))
    assert split.faults == ()
    assert [[each.label for each in photo.regions] for photo in split.photos] == [["mask", "hat"], []]
    assert split.photos[0].masks().sum() == 2 * 49


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a.png", "1"]], r"via.csv line 2 has 2 cells; the first line has 7"),
        ([[*row()[:5], "{", "{}"]], r"via.csv line 2: '\{' is not JSON"),
        ([[*row()[:5], "[1]", "{}"]], r"via.csv line 2: '\[1\]' is not a JSON object"),
        ([[*row()[:5], "[" * 100_000, "{}"]], r"via.csv line 2: .* is not JSON"),
        ([["x" * 2**25, *row()[1:]]], r"via.csv line 2 is not valid CSV: field larger than field limit"),
    ],
)
def test_a_broken_csv_export_is_refused(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_split(write_csv(tmp_path, *rows))


def test_a_csv_export_needs_its_columns(tmp_path: Path) -> None:
    (write_csv(tmp_path) / "via.csv").write_text("filename,region_shape_attributes\n")
    with pytest.raises(UserError, match="has no column file_attributes, region_attributes"):
        read_split(tmp_path)
