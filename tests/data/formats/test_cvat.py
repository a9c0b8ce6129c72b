"""Files of CVAT for images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmask.data.config import ReadOptions
from fmask.data.formats.read import read_split
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from tests.helpers.via import kinds

SQUARE = '<polygon label="mask" points="2,3;8,3;8,9;2,9"/>'
"""Columns 2 to 7 and rows 3 to 8."""


def write(folder: Path, shapes: str, head: str = "", name: str = "a.png", size: str = 'width="20" height="12"') -> Path:
    if not (folder / "a.png").exists():
        Image.new("RGB", (20, 12)).save(folder / "a.png")
    photo = f'<image id="0" name="{name}" {size}>{shapes}</image>'
    (folder / "annotations.xml").write_text(f"{head}<annotations><version>1.1</version>{photo}</annotations>")
    return folder


def read(folder: Path, shapes: str, **more: str) -> Split:
    return read_split(write(folder, shapes, **more))


def test_polygons_masks_and_ellipses_are_outlines_and_boxes_are_not(tmp_path: Path) -> None:
    shapes = (
        '<mask label="hat" source="manual" rle="1, 2, 1, 2" left="3" top="4" width="3" height="2" z_order="0"/>'
        '<ellipse label="hat" cx="10" cy="6" rx="4" ry="2" rotation="90"/>'
        '<box label="hat" xtl="2" ytl="3" xbr="8" ybr="9"/>'
    )
    split = read(tmp_path, SQUARE + shapes, head='<?xml version="1.0" encoding="utf-8"?>')
    assert [each.box_only for each in split.photos[0].regions] == [False, False, False, True]
    polygon, mask, _, box = split.photos[0].masks()
    expected = np.zeros((12, 20), bool)
    expected[3:9, 2:8] = True
    np.testing.assert_array_equal(polygon, expected)
    np.testing.assert_array_equal(box, expected)
    np.testing.assert_array_equal(np.argwhere(mask), [(4, 4), (4, 5), (5, 4), (5, 5)])
    ellipse = split.photos[0].regions[2].polygon + 0.5
    np.testing.assert_allclose([ellipse.min(axis=0), ellipse.max(axis=0)], [(8, 2), (12, 10)], atol=1e-9)
    assert [each.label for each in split.photos[0].regions] == ["mask", "hat", "hat", "hat"]


def test_a_turned_box_is_ignored_with_the_box_around_it(tmp_path: Path) -> None:
    split = read(tmp_path, '<box label="hat" xtl="8" ytl="5" xbr="12" ybr="7" rotation="90"/>')
    corners = split.photos[0].regions[0].polygon + 0.5
    np.testing.assert_allclose([corners.min(axis=0), corners.max(axis=0)], [(9, 4), (11, 8)])


def test_the_attribute_ignore_and_the_tag_empty(tmp_path: Path) -> None:
    marked = SQUARE.replace("/>", '><attribute name="ignore">true</attribute></polygon>')
    plain = SQUARE.replace("/>", '><attribute name="ignore">false</attribute><attribute name="size"/></polygon>')
    assert [each.ignore for each in read(tmp_path, marked + plain).photos[0].regions] == [True, False]
    assert read(tmp_path, '<tag label="Empty"/>').photos[0].regions == ()


def test_a_photo_without_shapes_is_left_out_unless_chosen(tmp_path: Path) -> None:
    split = read(tmp_path, "")
    assert (split.photos, kinds(split)) == ((), ["no regions"])
    assert read_split(tmp_path, ReadOptions(empty_photos="negative")).empty == 1


def test_photos_may_be_in_the_folder_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (20, 12)).save(tmp_path / "images" / "b.png")
    assert read(tmp_path, SQUARE, name="b.png").photos[0].name == "images/b.png"


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ('<polygon label="mask" points="2,3;8,3"/>', "too few points"),
        ('<polygon label="mask" points="2,3;8,nan;1,1"/>', "bad coordinates"),
        ('<polygon label="mask" points="2,3;8;1,1"/>', "bad coordinates"),
        ('<polygon label="mask"/>', "bad coordinates"),
        ('<polyline label="mask" points="2,3;8,3;1,1"/>', "unknown shape"),
        ('<skeleton label="mask"/>', "unknown shape"),
        ('<ellipse label="mask" cx="10" cy="6" rx="inf" ry="2"/>', "bad coordinates"),
        ('<box label="mask" xtl="2" ytl="3" xbr="x" ybr="9"/>', "bad coordinates"),
        ('<mask label="mask" rle="1, 2" left="3" top="4" width="2" height="2"/>', "bad coordinates"),
        ('<mask label="mask" rle="-1, 5" left="3" top="4" width="2" height="2"/>', "bad coordinates"),
        ('<mask label="mask" rle="4" left="3" top="4" width="2" height="2"/>', "no area"),
        ('<mask label="mask" rle="x" left="3" top="4" width="2" height="2"/>', "bad coordinates"),
        ('<mask label="mask" rle="0, 4" left="19" top="4" width="2" height="2"/>', "bad coordinates"),
        ('<mask label="mask" rle="0, 4" left="1e300" top="4" width="2" height="2"/>', "bad coordinates"),
        ('<mask label="mask" rle="0, 9" left="0" top="0" width="99999999" height="99999999"/>', "bad coordinates"),
    ],
)
def test_a_bad_shape_is_a_fault(tmp_path: Path, shape: str, kind: str) -> None:
    split = read(tmp_path, shape + SQUARE)
    assert [each.index for each in split.photos[0].regions] == [1]
    assert [(fault.kind, fault.region) for fault in split.faults if fault.kind == kind] == [(kind, 0)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><annotations/>', "has a <!DOCTYPE>"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><annotations/>', "has a <!DOCTYPE>"),
        ("<annotations>&a;</annotations>", "is not valid XML: undefined entity"),
        ("<annotations>", "is not valid XML"),
        ("", "is not valid XML"),
        ("<annotations><track/></annotations>", "neither a file of CVAT for images nor a Pascal VOC file"),
        ("<x/>", "neither a file of CVAT for images nor a Pascal VOC file"),
        ("<annotations><image/></annotations>", "image 0 has no `name`"),
        ('<annotations><image name="a.png"><polygon/></image></annotations>', "a polygon of 'a.png' has no `label`"),
    ],
)
def test_a_file_of_another_structure_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (write(tmp_path, SQUARE) / "annotations.xml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_split(tmp_path)


def test_a_size_before_exif_rotation_is_reported(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png", exif=exif)
    (fault,) = read(tmp_path, SQUARE).faults
    assert (fault.kind, fault.detail) == (
        "other size",
        "annotated as 20 x 12, but it is 12 x 20 after its EXIF rotation: annotate it upright, or remove the "
        "orientation from the photo",
    )
    (fault,) = read(tmp_path, SQUARE, size='width="20" height="13"').faults
    assert fault.detail == "annotated as 20 x 13, but it is 12 x 20"
