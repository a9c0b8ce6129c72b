"""Reading annotated photos: labels, clipping, links, and the faults of regions, photos and names."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fmask.data.check import check
from fmask.data.dataset import read_dataset
from fmask.data.formats.read import read_split
from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError
from tests.helpers.classes import OF_STUDY
from tests.helpers.via import kinds, region, write_via


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"fmask": ""}, "blank label"),
        ({"fmask": "  "}, "blank label"),
        ({"other": "mask"}, "blank label"),
        ({"fmask": None}, "blank label"),
        ({"fmask": "visor"}, "unknown label"),
        ({"fmask": {"mask": True, "hat": True}}, "unknown label"),
        ({"fmask": {"mask": False}}, "unknown label"),
        ({"fmask": {"mask": "yes"}}, "unknown label"),
        ({"fmask": {}}, "unknown label"),
        ({"fmask": ["mask"]}, "unknown label"),
    ],
)
def test_a_region_with_a_blank_or_unknown_label_is_ignored(
    tmp_path: Path, attributes: dict[str, Any], kind: str
) -> None:
    split = read_split(write_via(tmp_path, {"a.png": [region(), region(**attributes)]}), OF_STUDY)
    ignored = split.photos[0].regions[1]
    assert (ignored.label, ignored.ignore, ignored.class_id) == (None, True, -1)
    assert [(fault.kind, fault.file, fault.region) for fault in split.faults] == [(kind, "a.png", 1)]


def test_points_outside_the_photo_are_clipped_along_its_edges(tmp_path: Path) -> None:
    # The right half of this triangle lies outside: clamping its tip to x = 19 would bend its sides.
    shape = {"name": "polygon", "all_points_x": [9, 29, 9], "all_points_y": [0, 5, 10]}
    split = read_split(write_via(tmp_path, {"a.png": [region(shape)]}))
    polygon = split.photos[0].regions[0].polygon
    assert kinds(split) == ["outside the photo"]
    assert "10 px" in split.faults[0].detail
    assert {tuple(point) for point in polygon.tolist()} == {(9, 0), (19, 2.5), (19, 7.5), (9, 10)}


def test_a_shape_drawn_to_the_right_and_lower_edge_is_clipped_with_a_note(tmp_path: Path) -> None:
    shape = {"name": "rect", "x": 10, "y": 2, "width": 10, "height": 10}
    split = read_split(write_via(tmp_path, {"a.png": [region(shape)]}))
    assert [(fault.kind, fault.is_note) for fault in split.faults] == [("drawn to the edge", True)]
    assert split.photos[0].masks()[0, 2:, 10:].all()
    assert check(tmp_path).is_clean


@pytest.mark.parametrize("beyond", [{"x": -1}, {"y": -0.5}, {"width": 11}, {"height": 10.1}])
def test_a_shape_beyond_the_limits_of_via_is_a_fault(tmp_path: Path, beyond: dict[str, float]) -> None:
    shape = {"name": "rect", "x": 10, "y": 2, "width": 10, "height": 10} | beyond
    assert kinds(read_split(write_via(tmp_path, {"a.png": [region(shape)]}))) == ["outside the photo"]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ({"name": "point", "cx": 1, "cy": 1}, "unknown shape"),
        ({"name": ["polygon"]}, "unknown shape"),
        ({}, "unknown shape"),
        ({"name": "polygon", "all_points_x": [1, 5], "all_points_y": [1, 5]}, "too few points"),
        ({"name": "polygon", "all_points_x": [], "all_points_y": []}, "too few points"),
        ({"name": "polygon", "all_points_x": [1, 5, 9], "all_points_y": [1, 5, 9]}, "no area"),
        ({"name": "rect", "x": 1, "y": 1, "width": 0, "height": 5}, "no area"),
        ({"name": "circle", "cx": 5.5, "cy": 5.5, "r": 0.1}, "no area"),
        ({"name": "polygon", "all_points_x": [1, 5, 9], "all_points_y": [1, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, float("nan")], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, "9"], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, True], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "polygon", "all_points_x": [1, 5, 10**400], "all_points_y": [1, 5, 5]}, "bad coordinates"),
        ({"name": "circle", "cx": 5, "cy": 5}, "bad coordinates"),
        ({"name": "ellipse", "cx": 5, "cy": 5, "rx": 2, "ry": 2, "theta": None}, "bad coordinates"),
    ],
)
def test_a_region_without_a_usable_outline_is_left_out(tmp_path: Path, shape: dict[str, Any], kind: str) -> None:
    split = read_split(write_via(tmp_path, {"a.png": [region(shape), region()]}))
    assert [each.index for each in split.photos[0].regions] == [1]
    assert [(fault.kind, fault.region) for fault in split.faults] == [(kind, 0)]


def test_a_region_completely_outside_is_left_out(tmp_path: Path) -> None:
    far = {"name": "rect", "x": 100, "y": 100, "width": 5, "height": 5}
    split = read_split(write_via(tmp_path, {"a.png": [region(far)]}))
    assert split.photos == ()
    assert kinds(split) == ["outside the photo", "no area", "no regions"]


def test_missing_and_unlisted_photos_are_faults(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()], "empty.png": [], "gone.png": [region()]})
    (tmp_path / "gone.png").unlink()
    Image.new("RGB", (4, 4)).save(tmp_path / "extra.JPG", "JPEG")
    split = read_split(tmp_path)
    assert [photo.name for photo in split.photos] == ["a.png"]
    assert [(fault.kind, fault.file) for fault in split.faults] == [
        ("no regions", "empty.png"),
        ("missing photo", "gone.png"),
        ("unlisted photo", "extra.JPG"),
    ]


def test_a_photo_with_only_ignored_regions_is_kept(tmp_path: Path) -> None:
    split = read_split(write_via(tmp_path, {"a.png": [region(fmask="")]}))
    assert split.photos[0].class_ids().tolist() == [-1]


def test_the_first_of_two_entries_is_used(tmp_path: Path) -> None:
    Image.new("RGB", (20, 12)).save(tmp_path / "a.png")
    first, second = ({"filename": "a.png", "regions": [region(fmask=label)]} for label in ("hat", "mask"))
    (tmp_path / ANNOTATIONS).write_text(json.dumps({"a.png1": first, "a.png2": second}))
    split = read_split(tmp_path)
    assert [each.label for photo in split.photos for each in photo.regions] == ["hat"]
    assert kinds(split) == ["listed twice"]


@pytest.mark.parametrize("name", ["../secret.png", "a/../../secret.png", "/etc/passwd", "..\\secret.png", "C:\\x.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    Image.new("RGB", (20, 12)).save(tmp_path / "secret.png")
    split = read_split(write_via(folder, {"a.png": [region()]} | {f"{name}": [region()]}))
    assert [photo.name for photo in split.photos] == ["a.png"]
    assert "unsafe file name" in kinds(split)


def test_a_backslash_counts_as_a_slash_unless_a_file_has_that_name(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("more/a.png", "more/b.png", "more\\b.png"):
        Image.new("RGB", (20, 12)).save(tmp_path / name)
    names = ("more\\a.png", "more/a.png", "more\\b.png", "more\\gone.png")
    entries = {name: {"filename": name, "regions": [region()]} for name in names}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    split = read_split(tmp_path)
    assert [photo.name for photo in split.photos] == ["more/a.png", "more\\b.png"]
    assert [photo.path for photo in split.photos] == [tmp_path / "more" / "a.png", tmp_path / "more\\b.png"]
    assert [(fault.kind, fault.file) for fault in split.faults] == [
        ("listed twice", "more/a.png"),
        ("missing photo", "more\\gone.png"),
    ]


@pytest.mark.parametrize("name", ["more\\..\\..\\secret.png", "\\secret.png", "C:secret.png", "more/..\\../secret.png"])
def test_backslashes_do_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "train"
    (folder / "more").mkdir(parents=True)
    for place in (tmp_path, folder):
        Image.new("RGB", (20, 12)).save(place / "secret.png")
    (folder / ANNOTATIONS).write_text(json.dumps({"a": {"filename": name, "regions": [region()]}}))
    assert kinds(read_split(folder)) == ["unsafe file name", "unlisted photo"]


def test_accents_in_either_form_of_unicode_lead_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "e\u0301").mkdir()
    for name in ("e\u0301/a\u0308.png", "\u00fc.png", "u\u0308.png"):
        Image.new("RGB", (20, 12)).save(tmp_path / name)
    names = ("\u00e9\\\u00e4.png", "\u00fc.png", "u\u0308.png", "\u00f6.png")
    entries = {name: {"filename": name, "regions": [region()]} for name in names}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    split = read_split(tmp_path)
    assert [photo.name for photo in split.photos] == ["e\u0301/a\u0308.png", "\u00fc.png", "u\u0308.png"]
    assert [(fault.kind, fault.file) for fault in split.faults] == [("missing photo", "\u00f6.png")]


def test_photos_and_folders_may_be_links(tmp_path: Path) -> None:
    folder, kept = tmp_path / "train", tmp_path / "store"
    folder.mkdir()
    kept.mkdir()
    for name in ("one.png", "two.png"):
        Image.new("RGB", (20, 12)).save(kept / name)
    (folder / "a.png").symlink_to(kept / "one.png")
    (folder / "more").symlink_to(kept)
    split = read_split(write_via(folder, {"a.png": [region()], "more/two.png": [region()]}))
    assert [relative_name(folder, photo.path) for photo in split.photos] == ["a.png", "more/two.png"]
    assert split.faults == ()


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "\ud800.png", "", ".", "a.png/b.png", "\x1b[2J.png"])
def test_an_impossible_photo_name_is_reported_in_printable_form(tmp_path: Path, name: str) -> None:
    write_via(tmp_path, {"a.png": [region()]})
    entries = {"a": {"filename": "a.png", "regions": [region()]}, "b": {"filename": name, "regions": []}}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    (fault,) = read_split(tmp_path).faults
    assert fault.kind == "missing photo"
    assert fault.file.isprintable()


@pytest.mark.parametrize("marker", ["", ', "annotations": 1'])  # the second is parsed twice
def test_a_repeated_key_is_refused(tmp_path: Path, marker: str) -> None:
    (tmp_path / ANNOTATIONS).write_text('{"a.jpg": {"regions": []}, "a.jpg": {"regions": []}' + marker + "}")
    with pytest.raises(UserError) as raised:
        read_split(tmp_path)
    expected = "has the key 'a.jpg' twice in one object; a JSON key may occur only once."
    assert str(raised.value) == f"{tmp_path / ANNOTATIONS} {expected}"


def test_two_spellings_of_a_name_are_the_same_photo(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region()]})
    entries = {name: {"filename": name, "regions": [region()]} for name in ("a.png", "./a.png")}
    (tmp_path / ANNOTATIONS).write_text(json.dumps(entries))
    split = read_split(tmp_path)
    assert (len(split.photos), kinds(split)) == (1, ["listed twice"])


def test_outlines_with_too_many_crossings_or_points_are_left_out(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).uniform(0, 11, (2, 400)).tolist()
    scribble = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    endless = {"name": "polygon", "all_points_x": [1] * 10_001, "all_points_y": [1] * 10_001}
    split = read_split(write_via(tmp_path, {"a.png": [region(scribble), region(endless), region()]}))
    assert [fault.detail for fault in split.faults] == [
        "its sides cross each other more than 1000 times",
        "10001 points; at most 10000 are allowed",
    ]


def test_an_unreadable_photo_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    split = read_split(write_via(tmp_path, {"a.png": [region()]}))
    assert (split.photos, kinds(split)) == ((), ["unreadable photo"])
    assert str(tmp_path) not in split.faults[0].detail


def test_the_annotation_file_must_be_the_only_candidate(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no other annotations"):
        read_split(tmp_path)
    write_via(tmp_path, {"a.png": [region()]}, name="mine.json")
    assert len(read_split(tmp_path).photos) == 1
    write_via(tmp_path, {"a.png": [region()]}, name="old.json")
    with pytest.raises(UserError, match=r"2 JSON files \(mine\.json, old\.json\)"):
        read_split(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        read_split(tmp_path / "nowhere")


def test_counts_and_faults_of_the_studys_photos(photos_root: Path) -> None:
    dataset = read_dataset(photos_root, "photos", OF_STUDY)
    counts = {
        name: (len(split.photos), *(int(np.sum(class_ids(split) == value)) for value in (1, 2, -1)))
        for name, split in dataset.splits.items()
    }
    assert counts == {"train": (410, 254, 241, 4), "val": (44, 38, 26, 0), "test": (9, 9, 9, 1)}
    assert Counter(kinds(dataset.splits["train"])) == {"unlisted photo": 31, "drawn to the edge": 6, "blank label": 4}
    assert Counter(kinds(dataset.splits["val"])) == {"unlisted photo": 1, "drawn to the edge": 1}
    assert kinds(dataset.splits["test"]) == []


def class_ids(split: Split) -> np.ndarray:
    """Return the class ids of all regions of a split."""
    return np.concatenate([photo.class_ids() for photo in split.photos])
