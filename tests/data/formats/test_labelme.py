"""LabelMe files."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data.formats.convert import convert
from fmask.data.formats.read import read_split
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from tests.helpers.via import kinds, region, write_via

SQUARE = [[2, 3], [8, 3], [8, 9], [2, 9]]
"""Columns 2 to 7 and rows 3 to 8."""


def shape(points: Any = SQUARE, label: Any = "mask", kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "flags": {}, "group_id": None} | more


def png(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("1", (width, height), 1).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def read(folder: Path, *shapes: Any, name: str = "a.png", **more: Any) -> Split:
    if not (folder / "a.png").exists():
        Image.new("RGB", (20, 12)).save(folder / "a.png")
    document = {"shapes": list(shapes), "imagePath": name, "imageHeight": 12, "imageWidth": 20, "imageData": "!"} | more
    (folder / "a.json").write_text(json.dumps(document))
    return read_split(folder)


def pixels(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((12, 20), bool)
    for y1, x1, y2, x2 in boxes:
        mask[y1:y2, x1:x2] = True
    return mask


def test_a_polygon_follows_pixel_edges(tmp_path: Path) -> None:
    split = read(tmp_path, shape(), {"label": "hat", "points": SQUARE})  # the kind of old files is missing
    assert split.faults == ()
    assert [each.label for each in split.photos[0].regions] == ["mask", "hat"]
    np.testing.assert_array_equal(split.photos[0].masks(), [pixels((3, 2, 9, 8))] * 2)


def test_shapes_of_a_group_and_a_label_are_one_object(tmp_path: Path) -> None:
    right = [[x + 10, y] for x, y in SQUARE]
    split = read(
        tmp_path, shape(group_id=1), shape(right, group_id=1), shape(group_id=2), shape(label="hat", group_id=1)
    )
    assert split.faults == ()
    masks = split.photos[0].masks()
    assert [each.label for each in split.photos[0].regions] == ["mask", "mask", "hat"]
    np.testing.assert_array_equal(masks[0], pixels((3, 2, 9, 8), (3, 12, 9, 18)))
    np.testing.assert_array_equal(masks[1], masks[2])


def test_a_circle_is_an_outline_and_a_rectangle_a_box(tmp_path: Path) -> None:
    split = read(tmp_path, shape([[10, 6], [13, 10]], kind="circle"), shape([[8, 9], [2, 3]], "hat", "rectangle"))
    circle, box = split.photos[0].regions
    np.testing.assert_allclose(np.hypot(*(circle.polygon + 0.5 - (10, 6)).T), 5)
    assert (circle.box_only, box.box_only, box.label) == (False, True, "hat")


def test_a_shape_with_the_flag_ignore_is_ignored(tmp_path: Path) -> None:
    split = read(tmp_path, shape(flags={"ignore": True}), shape(flags={"ignore": False}))
    assert [each.ignore for each in split.photos[0].regions] == [True, False]
    assert split.faults == ()


def test_a_file_without_shapes_is_a_photo_without_objects(tmp_path: Path) -> None:
    assert read(tmp_path).photos[0].regions == ()


@pytest.mark.parametrize("name", ["..\\photos\\a.png", "/home/someone/a.png", "", 3, "../a.png", "gone.png"])
def test_a_photo_that_was_moved_is_found_beside_its_file(tmp_path: Path, name: Any) -> None:
    (tmp_path / "train").mkdir()
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")  # outside the folder
    Image.new("RGB", (20, 12)).save(tmp_path / "train" / "a.png")
    split = read(tmp_path / "train", shape(), name=name)
    if name in ("", 3, "gone.png"):
        assert kinds(split)[0] == "missing photo"
    else:
        assert (split.photos[0].path, kinds(split)) == (tmp_path / "train" / "a.png", [])


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (shape([[2, 3], [8, 3]]), "too few points"),
        (shape([[2, 3], [8, float("nan")], [3, 3]]), "bad coordinates"),
        (shape([[2, 3], [8, "x"], [3, 3]]), "bad coordinates"),
        (shape([[2, 3], [8], [3, 3]]), "bad coordinates"),
        (shape(3), "bad coordinates"),
        (shape([[2, 3]], kind="circle"), "bad coordinates"),
        (shape([[2, 3], [1e300, 3]], kind="circle"), "bad coordinates"),
        (shape([[2, 3], [8, 9]], kind="line"), "unknown shape"),
        (shape([[2, 3], [8, 9]], kind="mask", mask="!"), "bad coordinates"),
        (shape([[2, 3], [8, 9]], kind="mask"), "bad coordinates"),
        (shape([[2, 3], [8, 9]], kind="mask", mask=3), "bad coordinates"),
        (shape([[0, 0], [99, 99]], kind="mask", mask=png(100, 100)), "bad coordinates"),
        (shape([[18, 3], [23, 9]], kind="mask", mask=png(6, 6)), "bad coordinates"),
        (shape([[2, 3]], kind="rectangle"), "bad coordinates"),
    ],
)
def test_a_bad_shape_is_a_fault(tmp_path: Path, bad: dict[str, Any], kind: str) -> None:
    split = read(tmp_path, bad, shape())
    used = [each.index for each in split.photos[0].regions if not each.ignore]
    assert len(used) == 1
    assert kind in kinds(split)
    assert {fault.region for fault in split.faults} == {1 - used[0]}


def test_an_empty_label_is_a_fault(tmp_path: Path) -> None:
    split = read(tmp_path, shape(label=" "), shape())
    assert [(fault.kind, fault.detail) for fault in split.faults] == [("blank label", "it has no label")]
    assert [each.ignore for each in split.photos[0].regions] == [True, False]


def test_a_label_is_required_and_files_of_others_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="entry 0 of `shapes` has no `label`"):
        read(tmp_path, shape(label=None))
    read(tmp_path, shape())
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(UserError, match=r"b.json is not a LabelMe file, but others in its folder are"):
        read_split(tmp_path)


def test_another_size_leaves_the_photo_out(tmp_path: Path) -> None:
    assert kinds(read(tmp_path, shape(), imageWidth=21)) == ["other size"]
    assert kinds(read(tmp_path, shape(), imageWidth=None)) == []


def test_conversion_to_labelme_and_back_keeps_outlines_and_marks(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    before = convert(write_via(source, {"a.png": [region(), region(fmask="hat", ignore="true")]}), source, to="labelme")
    (source / "via_region_data.json").unlink()
    after = read_split(source)
    assert after.faults == ()
    for old, new in zip(before.photos[0].regions, after.photos[0].regions, strict=True):
        assert (new.label, new.ignore) == (old.label, old.ignore)
        np.testing.assert_allclose(new.polygon, old.polygon, atol=1e-12)
    with pytest.raises(UserError, match=r"a.json already exists; --overwrite replaces it"):
        convert(source, source, to="labelme", overwrite=False)
