"""Reading and writing VIA files: versions, shapes and structure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.draw
from PIL import Image

from fmask.data.formats import via
from fmask.data.formats.read import read_split
from fmask.data.paths import ANNOTATIONS
from fmask.structures.annotations import Region
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY
from tests.helpers.via import SQUARE, region, write_via


def only_region(folder: Path, shape: dict[str, Any], **attributes: Any) -> Region:
    """Write and read a photo with one region."""
    split = read_split(write_via(folder, {"a.png": [region(shape, **attributes)]}))
    return split.photos[0].regions[0]


def test_reads_an_export_of_via_2(tmp_path: Path) -> None:
    regions = [region(), region(fmask=" Hat "), region(fmask="hat", ignore="true")]
    split = read_split(write_via(tmp_path, {"a.png": regions}), OF_STUDY)
    (photo,) = split.photos
    assert (split.name, split.faults) == (tmp_path.name, ())
    assert (photo.name, photo.width, photo.height) == ("a.png", 20, 12)
    assert [(each.label, each.ignore, each.class_id, each.index) for each in photo.regions] == [
        ("mask", False, 1, 0),
        ("hat", False, 2, 1),
        ("hat", True, -1, 2),
    ]
    assert photo.class_ids().tolist() == [1, 2, -1]
    np.testing.assert_array_equal(photo.regions[0].polygon, [(2, 3), (8, 3), (8, 9), (2, 9)])


def test_reads_regions_of_via_1_and_project_files(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    entry = {"filename": "a.png", "size": 1, "regions": {"0": region(), "1": region(fmask="hat")}}
    project = {"_via_settings": {}, "_via_img_metadata": {"a.png1": entry}, "_via_attributes": {}}
    (tmp_path / "anything.json").write_text(json.dumps(project), encoding="utf-8-sig")
    split = read_split(tmp_path)
    assert [each.label for each in split.photos[0].regions] == ["mask", "hat"]


def read_project(folder: Path, options: Any, kind: str, *values: Any) -> list[tuple[str | None, bool]]:
    """Return label and ignore mark of regions with these values of `fmask`, in a project with these options."""
    Image.new("RGB", (20, 12)).save(folder / "a.png")
    entry = {"filename": "a.png", "size": 1, "regions": [region(fmask=value) for value in values]}
    attributes = {"region": {"fmask": {"type": kind, "options": options}}, "file": {}}
    project = {"_via_img_metadata": {"a.png1": entry}, "_via_attributes": attributes}
    (folder / "project.json").write_text(json.dumps(project))
    return [(each.label, each.ignore) for each in read_split(folder, OF_STUDY).photos[0].regions]


@pytest.mark.parametrize("kind", ["dropdown", "radio", "checkbox", "image"])
def test_the_ids_of_options_are_looked_up_in_the_project(tmp_path: Path, kind: str) -> None:
    values = ("1", {"0": True}, {"0": False, "1": True}, "2", "3", "hat", {"0": True, "1": True})
    read = read_project(tmp_path, {"0": "mask", "1": " Hat ", "2": "visor", "hat": ""}, kind, *values)
    labels = ["hat", "mask", "hat", None, None, "hat", None]
    assert read == [(label, label is None) for label in labels]
    assert [fault.detail[:7] for fault in read_split(tmp_path, OF_STUDY).faults] == ["'visor'", "'3'; ex", "{'0': T"]


@pytest.mark.parametrize("options", [None, 3, [], {"hat": 3}, {"hat": ["mask"]}, {"hat": None}])
def test_options_of_another_form_are_not_looked_up(tmp_path: Path, options: Any) -> None:
    assert read_project(tmp_path, options, "radio", "hat") == [("hat", False)]


def test_options_left_over_in_a_text_attribute_are_not_looked_up(tmp_path: Path) -> None:
    assert read_project(tmp_path, {"hat": "mask"}, "text", "hat") == [("hat", False)]


def test_one_ticked_box_is_a_value(tmp_path: Path) -> None:
    ticked = only_region(tmp_path, SQUARE, fmask={"hat": False, "mask": True}, ignore={"true": True})
    assert (ticked.label, ticked.ignore) == ("mask", True)
    unticked = only_region(tmp_path, SQUARE, fmask={"hat": True}, ignore={"true": False})
    assert (unticked.label, unticked.ignore) == ("hat", False)


def test_masks_have_the_pixels_of_the_reference(tmp_path: Path) -> None:
    x, y = [3, 17, 11, 4], [1, 4, 10, 8]
    (photo,) = read_split(
        write_via(tmp_path, {"a.png": [region(), region({"name": "polyline", "all_points_x": x, "all_points_y": y})]})
    ).photos
    expected = np.zeros((12, 20), dtype=bool)
    expected[skimage.draw.polygon(y, x)] = True
    masks = photo.masks()
    assert (masks.shape, masks.dtype) == ((2, 12, 20), bool)
    np.testing.assert_array_equal(masks[1], expected)


def test_a_rectangle_has_its_four_corners(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "rect", "x": 1, "y": 2, "width": 5, "height": 4}).polygon
    np.testing.assert_array_equal(polygon, [(1, 2), (6, 2), (6, 6), (1, 6)])


def test_a_circle_is_round(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "circle", "cx": 9, "cy": 5, "r": 4}).polygon
    np.testing.assert_allclose(np.hypot(*(polygon - (9, 5)).T), 4)
    assert len(polygon) == 64


@pytest.mark.parametrize(("theta", "width", "height"), [(0, 10, 4), (np.pi / 2, 4, 10)])
def test_an_ellipse_turns_by_theta(tmp_path: Path, theta: float, width: float, height: float) -> None:
    ellipse = {"name": "ellipse", "cx": 9, "cy": 5.5, "rx": 5, "ry": 2} | ({"theta": theta} if theta else {})
    polygon = only_region(tmp_path, ellipse).polygon
    np.testing.assert_allclose(np.ptp(polygon, axis=0), (width, height))


def test_an_ellipse_turns_clockwise_on_the_screen(tmp_path: Path) -> None:
    polygon = only_region(tmp_path, {"name": "ellipse", "cx": 9, "cy": 6, "rx": 5, "ry": 1, "theta": 0.5}).polygon
    tip = polygon[np.argmax(polygon[:, 0])]
    assert tip[1] > 6  # y grows downwards: the right-hand tip sinks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "found list"),
        ('{"images": [], "categories": []}', "a COCO file without a list of `annotations`"),
        ('{"a": {"filename": 3}}', "'a' has no `filename`"),
        ('{"a": {"filename": "a.png", "regions": "none"}}', "`regions` of 'a' must be a list, not str"),
        ('{"a": {"filename": "a.png", "regions": [3]}}', "region 0 of 'a'"),
        ('{"a": {"filename": "a.png", "regions": [{"shape_attributes": {}}]}}', "`region_attributes`"),
    ],
)
def test_a_file_that_is_not_via_is_a_user_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / ANNOTATIONS).write_text(text)
    with pytest.raises(UserError, match=r"via_region_data\.json") as raised:
        read_split(tmp_path)
    assert message in str(raised.value)


def test_a_written_split_is_read_back_unchanged(tmp_path: Path) -> None:
    circle = {"name": "circle", "cx": 9.3, "cy": 5, "r": 4}
    regions = [region(circle), region(fmask="hat", ignore="true"), region(fmask="")]
    before = read_split(write_via(tmp_path, {"a.png": regions}), OF_STUDY)
    assert via.write_split(tmp_path, before.photos) == tmp_path / ANNOTATIONS
    after = read_split(tmp_path)
    for old, new in zip(before.photos[0].regions, after.photos[0].regions, strict=True):
        assert (old.label, old.ignore, old.index) == (new.label, new.ignore, new.index)
        np.testing.assert_array_equal(old.polygon, new.polygon)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="lies outside"):
        via.write_split(tmp_path / "elsewhere", before.photos)
