"""Conversion from VIA to COCO and back is lossless, and pycocotools reads the result."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy.ndimage import binary_dilation, binary_erosion

from fmask.data.formats.convert import convert
from fmask.data.formats.read import read_file
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY

WIDTH, HEIGHT = 90, 70


def region(shape: dict[str, Any], **attributes: str) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes or {"fmask": "mask"}}


def polygon(x: list[float], y: list[float]) -> dict[str, Any]:
    return {"name": "polygon", "all_points_x": x, "all_points_y": y}


SHAPES = [
    region(polygon([2, 40, 33, 5], [3, 8, 60, 51])),
    region(polygon([0.1, 3.9, 60.300000000000004, 1e-16], [0.30000000000000004, 1 / 3, 44.7, 9]), fmask="hat"),
    region({"name": "circle", "cx": 40.3, "cy": 30, "r": 25}, fmask="hat", ignore="true"),
    region({"name": "ellipse", "cx": 60, "cy": 40, "rx": 20, "ry": 11.7, "theta": 0.4}),
    region(polygon([0, 89, 89, 0], [0, 0, 69, 69]), fmask=""),
]


@pytest.fixture
def via_file(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    entries = {}
    for name, regions in {"a.png": SHAPES, "more/b.png": SHAPES[:1]}.items():
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / name)
        entries[name] = {"filename": name, "size": -1, "regions": regions}
    file = tmp_path / "via.json"
    file.write_text(json.dumps(entries))
    return file


def test_conversion_to_coco_and_back_changes_nothing(via_file: Path) -> None:
    folder = via_file.parent
    convert(via_file, folder / "coco.json")
    convert(folder / "coco.json", folder / "back.json")
    before, after = (read_file(file, folder) for file in (via_file, folder / "back.json"))
    assert [photo.path for photo in after.photos] == [photo.path for photo in before.photos]
    for old_photo, new_photo in zip(before.photos, after.photos, strict=True):
        for old, new in zip(old_photo.regions, new_photo.regions, strict=True):
            assert (new.label, new.ignore, new.index) == (old.label, old.ignore, old.index)
            np.testing.assert_array_equal(new.polygon, old.polygon)  # to the last digit


def test_ignored_regions_with_the_same_outline_stay_apart(tmp_path: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    shape = polygon([2, 40, 33, 5], [3, 8, 60, 51])
    marks = [("hat", True), ("mask", True), ("mask", True), ("", True), ("", True), ("hat", False)]
    regions = [region(shape, fmask=label, ignore=str(ignore).lower()) for label, ignore in marks]
    (tmp_path / "via.json").write_text(json.dumps({"a": {"filename": "a.png", "regions": regions}}))
    convert(tmp_path / "via.json", tmp_path / "coco.json")
    (photo,) = read_file(tmp_path / "coco.json", tmp_path).photos
    assert [(each.label or "", each.ignore) for each in photo.regions] == marks


def test_pycocotools_finds_the_same_areas_and_masks(via_file: Path) -> None:
    split = convert(via_file, via_file.with_name("coco.json"), options=OF_STUDY)
    coco = COCO(via_file.with_name("coco.json"))
    regions = split.photos[0].regions
    annotated = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert [each["category_id"] for each in annotated] == [
        1,
        2,
        1,
        2,
        1,
        1,
        2,
    ]  # regions to ignore: one crowd of each class
    assert [each["iscrowd"] for each in annotated] == [0, 0, 1, 1, 0, 1, 1]
    assert [each.get("fmask") for each in annotated] == [None, None, "hat", "hat", None, None, None]
    for one, region in zip(annotated, [regions[each] for each in (0, 1, 2, 2, 3, 4, 4)], strict=True):
        coco_mask, mask = coco.annToMask(one).astype(bool), region.mask(HEIGHT, WIDTH)
        assert coco_mask.sum() == one["area"]
        # The masks may differ only in pixels whose centres the outline runs through.
        around = np.ones((3, 3), bool)
        assert not (binary_erosion(mask, around) & ~coco_mask).any()
        assert not (coco_mask & ~binary_dilation(mask, around)).any()
        x, y, width, height = one["bbox"]
        np.testing.assert_allclose([x, y], region.polygon.min(axis=0) + 0.5)
        np.testing.assert_allclose([width, height], np.ptp(region.polygon, axis=0))


def test_an_outline_along_pixel_edges_gives_the_same_mask_in_both(tmp_path: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    shape = polygon([1.5, 40.5, 40.5, 1.5], [2.5, 2.5, 30.5, 30.5])
    (tmp_path / "via.json").write_text(json.dumps({"a": {"filename": "a.png", "regions": [region(shape)]}}))
    split = convert(tmp_path / "via.json", tmp_path / "coco.json")
    coco = COCO(tmp_path / "coco.json")
    np.testing.assert_array_equal(coco.annToMask(coco.anns[1]), split.photos[0].masks()[0])
    assert coco.anns[1]["area"] == 39 * 28
    assert coco.anns[1]["bbox"] == [2, 3, 39, 28]


def test_photos_may_be_in_another_folder_and_keep_their_names(via_file: Path, tmp_path: Path) -> None:
    notes = tmp_path / "annotations"
    notes.mkdir()
    moved = via_file.rename(notes / "via.json")
    convert(moved, notes / "coco.json", photos=tmp_path)
    assert [each["file_name"] for each in json.loads((notes / "coco.json").read_text())["images"]] == [
        "a.png",
        "more/b.png",
    ]
    with pytest.raises(UserError, match=r"via\.json lists no usable photo in .*a\.png: missing photo"):
        convert(moved, notes / "other.json")
    assert not (notes / "other.json").exists()


def test_a_photo_name_may_look_like_the_placeholder_of_numbers(via_file: Path) -> None:
    name = "numbers:1,2"
    (via_file.parent / "a.png").rename(via_file.parent / name)
    via_file.write_text(via_file.read_text().replace("a.png", name))
    convert(via_file, via_file.with_name("coco.json"))
    document = json.loads(via_file.with_name("coco.json").read_text())
    assert [image["file_name"] for image in document["images"]] == [name, "more/b.png"]
    assert document["annotations"][0]["segmentation"] == [[2.5, 3.5, 40.5, 8.5, 33.5, 60.5, 5.5, 51.5]]


def test_a_file_is_parsed_once_or_twice_if_its_format_was_guessed_wrong(
    via_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, loads = via_file.parent, json.loads
    parsed: list[Any] = []

    def recorded(text: str, **how: Any) -> Any:
        parsed.append(how["parse_float"])
        return loads(text, **how)

    monkeypatch.setattr("fmask.data.formats.sources.json.loads", recorded)
    convert(via_file, folder / "coco.json")
    convert(folder / "coco.json", folder / "back.json")
    assert parsed == [None, Decimal]
    odd = folder / "odd.json"
    odd.write_text((folder / "coco.json").read_text().replace('"annotations"', r'"\u0061nnotations"'))
    convert(odd, folder / "odd_back.json")
    assert (folder / "odd_back.json").read_text() == (folder / "back.json").read_text()
    odd.write_text(via_file.read_text().replace('"fmask"', '"annotations": 0, "fmask"'))
    right, same = (read_file(file, folder).photos[0].regions for file in (via_file, odd))
    assert all(np.array_equal(one.polygon, other.polygon) for one, other in zip(right, same, strict=True))
    assert len(parsed) == 2 + 2 + 1 + 2


def test_annotations_of_the_studys_test_photos_survive_conversion(photos_root: Path, tmp_path: Path) -> None:
    folder = photos_root / "test"
    convert(folder, tmp_path / "coco.json")
    convert(tmp_path / "coco.json", tmp_path / "via.json", photos=folder)
    before, after = read_file(folder / "via_region_data.json", folder), read_file(tmp_path / "via.json", folder)
    for old_photo, new_photo in zip(before.photos, after.photos, strict=True):
        for old, new in zip(old_photo.regions, new_photo.regions, strict=True):
            np.testing.assert_array_equal(new.polygon, old.polygon)
