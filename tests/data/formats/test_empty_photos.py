"""Photos without objects: which ones count, how they are counted, and that conversion keeps them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from fmask.data.check import check, print_report
from fmask.data.config import ReadOptions
from fmask.data.dataset import digest
from fmask.data.formats.convert import convert
from fmask.data.formats.read import read_file, read_split
from fmask.data.paths import ANNOTATIONS
from fmask.structures.annotations import Split
from tests.helpers.via import kinds, region, write_via

SQUARE = [[2, 3, 8, 3, 8, 9, 2, 9]]
POINT = {"name": "point", "cx": 1, "cy": 1}


def write_coco(folder: Path, annotations: list[dict[str, Any]], photos: int = 2) -> Path:
    """Write a COCO file of photos 1.png, 2.png, ... with objects of the categories 1 (mask) and 2 (person)."""
    images = [{"id": n, "file_name": f"{n}.png", "width": 20, "height": 12} for n in range(1, 1 + photos)]
    for image in images:
        Image.new("RGB", (20, 12)).save(folder / str(image["file_name"]))
    categories = [{"id": 1, "name": "mask"}, {"id": 2, "name": "person"}]
    document = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "coco.json").write_text(json.dumps(document))
    return folder


def names(split: Split) -> dict[str, int]:
    """Return the number of regions of each photo."""
    return {photo.name: len(photo.regions) for photo in split.photos}


def mark(folder: Path, attributes: dict[str, Any], project: dict[str, Any] | None = None) -> Split:
    """Read b.png without regions and with these file attributes, beside a.png with one region."""
    write_via(folder, {"a.png": [region()], "b.png": []})
    document = json.loads((folder / ANNOTATIONS).read_text())
    document["b.png-1"]["file_attributes"] = attributes
    if project:
        definitions = {"region": {}, "file": {"empty": project}}
        document = {"_via_img_metadata": document, "_via_attributes": definitions}
    (folder / ANNOTATIONS).write_text(json.dumps(document))
    return read_split(folder)


def test_a_coco_photo_without_annotations_shows_no_object(tmp_path: Path) -> None:
    split = read_split(write_coco(tmp_path, [{"image_id": 1, "category_id": 1, "segmentation": SQUARE}]))
    assert (names(split), split.faults) == ({"1.png": 1, "2.png": 0}, ())
    assert (split.objects, split.empty, split.left_out) == (1, 1, 0)
    assert check(tmp_path).is_clean


def test_a_coco_photo_whose_annotations_are_unusable_is_left_out(tmp_path: Path) -> None:
    unusable = {"image_id": 2, "category_id": 1, "segmentation": [[1, 2, 3, 4, 5, "6"]]}
    split = read_split(write_coco(tmp_path, [{"image_id": 1, "category_id": 1, "segmentation": SQUARE}, unusable]))
    assert names(split) == {"1.png": 1}
    assert kinds(split) == ["bad coordinates", "no regions"]
    assert (split.empty, split.left_out) == (0, 1)


def test_objects_that_are_left_out_count_as_not_annotated(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"image_id": 1, "category_id": 2, "segmentation": SQUARE}])
    split = read_split(tmp_path, ReadOptions(map={"person": None}))
    assert (names(split), split.faults) == ({"1.png": 0, "2.png": 0}, ())


def test_a_via_photo_without_regions_is_left_out_unless_chosen_otherwise(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()], "b.png": [], "c.png": [region(POINT)]})
    split = read_split(tmp_path)
    assert names(split) == {"a.png": 1}
    assert kinds(split) == ["no regions", "unknown shape", "no regions"]
    assert "mark it as `empty` (in VIA a file attribute, in CVAT a tag)" in split.faults[0].detail
    assert (split.empty, split.left_out) == (0, 2)
    negative = read_split(tmp_path, ReadOptions(empty_photos="negative"))
    assert names(negative) == {"a.png": 1, "b.png": 0}
    assert kinds(negative) == ["unknown shape", "no regions"]


@pytest.mark.parametrize("value", ["true", "True ", "1", "yes", True, 1, {"yes": True}, {"1": True, "0": False}])
def test_a_via_photo_marked_as_empty_shows_no_object(tmp_path: Path, value: Any) -> None:
    split = mark(tmp_path, {"empty": value})
    assert (names(split), split.faults, split.empty) == ({"a.png": 1, "b.png": 0}, (), 1)


@pytest.mark.parametrize("value", ["", "false", "no", "0", False, None, {}, {"yes": False}, {"1": False}])
def test_a_via_photo_marked_as_not_empty_is_left_out(tmp_path: Path, value: Any) -> None:
    split = mark(tmp_path, {"empty": value})
    assert (names(split), kinds(split)) == ({"a.png": 1}, ["no regions"])
    assert "mark it as `empty`" in split.faults[0].detail


@pytest.mark.parametrize("value", ["perhaps", 2, ["true"], {"1": True, "2": True}])
def test_a_mark_that_means_neither_is_reported(tmp_path: Path, value: Any) -> None:
    split = mark(tmp_path, {"empty": value})
    assert kinds(split) == ["no regions"]
    assert split.faults[0].detail.endswith(", neither true nor false")


@pytest.mark.parametrize(
    ("value", "options", "empty"),
    [
        ("0", {"0": "yes", "1": "no"}, 1),
        ("1", {"0": "yes", "1": "no"}, 0),
        ({"7": True}, {"7": "Yes"}, 1),
        ({"7": False}, {"7": "Yes"}, 0),
        ({"1": True}, {"1": "nobody wears anything"}, 1),
    ],
)
def test_the_options_of_a_project_are_looked_up(
    tmp_path: Path, value: Any, options: dict[str, str], empty: int
) -> None:
    split = mark(tmp_path, {"empty": value}, {"type": "checkbox", "options": options})
    assert split.empty == empty
    assert kinds(split) == ["no regions"] * (1 - empty)


def test_regions_of_a_photo_marked_as_empty_are_used_and_reported(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()], "b.png": [region(POINT)]})
    document = json.loads((tmp_path / ANNOTATIONS).read_text())
    for entry in document.values():
        entry["file_attributes"] = {"empty": "true"}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(document))
    split = read_split(tmp_path)
    assert names(split) == {"a.png": 1}
    assert kinds(split) == ["marked as empty", "marked as empty", "unknown shape", "no regions"]
    assert split.faults[0].detail == "its `empty` is true, but it has 1 region"


def test_conversion_keeps_photos_without_objects(tmp_path: Path) -> None:
    mark(tmp_path, {"empty": "yes"})
    assert names(convert(tmp_path / ANNOTATIONS, tmp_path / "coco.json")) == {"a.png": 1, "b.png": 0}
    document = json.loads((tmp_path / "coco.json").read_text())
    assert [each["file_name"] for each in document["images"]] == ["a.png", "b.png"]
    assert [each["image_id"] for each in document["annotations"]] == [1]
    convert(tmp_path / "coco.json", tmp_path / "back.json")
    first, second = json.loads((tmp_path / "back.json").read_text()).values()
    assert (first["file_attributes"], second["file_attributes"]) == ({}, {"empty": "true"})
    before, after = read_split(tmp_path), read_file(tmp_path / "back.json", tmp_path)
    assert (names(after), digest(after)) == (names(before), digest(before))


def test_the_digest_depends_on_photos_without_objects(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()]})
    alone = digest(read_split(tmp_path))
    Image.new("RGB", (20, 12), "red").save(tmp_path / "b.png")
    write_via(tmp_path, {"a.png": [region()], "b.png": []})
    assert digest(read_split(tmp_path)) == alone
    assert digest(read_split(tmp_path, ReadOptions(empty_photos="negative"))) != alone


def test_check_counts_photos_without_objects_and_those_left_out(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()], "b.png": [], "c.png": []})
    (tmp_path / "extra.png").touch()

    def lines(options: ReadOptions) -> list[str]:
        console = Console(file=io.StringIO(), width=80)
        print_report(check(tmp_path, options), console)
        assert isinstance(console.file, io.StringIO)
        return [" ".join(line.split()) for line in console.file.getvalue().splitlines()[:8]]

    assert {"without objects 0", "left out 3"} <= set(lines(ReadOptions()))
    assert {"without objects 2", "left out 1"} <= set(lines(ReadOptions(empty_photos="negative")))
