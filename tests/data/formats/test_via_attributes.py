"""The attribute of a VIA file that holds the class may have another name and other values."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmask.data.config import Data, ReadOptions
from fmask.data.dataset import digest, read_dataset
from fmask.data.formats.names import NoSuchCategory
from fmask.data.formats.read import read_split
from fmask.data.open import open_dataset
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.via import SQUARE, kinds, region, write_via

OPTIONS = ReadOptions("label", {"helmet": "hat", "vest": None})
WORN = [region(label="helmet", colour="red"), region(label="vest"), region(label="helmet ", ignore="true")]


def test_other_attributes_are_listed_with_their_values(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": WORN})
    with pytest.raises(UserError) as raised:
        read_split(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path / ANNOTATIONS}: the regions have several attributes, and none is called `fmask`: label: helmet 2, "
        'vest 1; colour: red 1; choose the one that holds the class, as in "data.attribute=label" in training and '
        '--attribute "label" in other commands.'
    )
    with pytest.raises(UserError, match=r"no region has the attribute `class`; their attributes are label: helmet 2, "):
        read_split(tmp_path, ReadOptions("class"))


def test_the_only_attribute_with_values_holds_the_class(tmp_path: Path) -> None:
    marked = [region(kind="vest", note=""), region(kind="helmet", note=" ", ignore="true"), region(kind="Helmet")]
    split = read_split(write_via(tmp_path, {"a.png": [*marked, region(kind="vest")], "b.png": []}))
    assert split.classes == ("Helmet", "vest")
    assert [(each.label, each.class_id) for each in split.photos[0].regions] == [
        ("vest", 2),
        ("Helmet", -1),
        ("Helmet", 1),
        ("vest", 2),
    ]
    assert split.objects_of() == {"Helmet": 1, "vest": 2}


def test_the_attribute_of_that_name_is_preferred(tmp_path: Path) -> None:
    split = read_split(
        write_via(tmp_path, {"a.png": [region(fmask="cap", score="0.9"), region(fmask="hat", size="L")]})
    )
    assert split.classes == ("cap", "hat")


def test_names_in_messages_cannot_control_the_terminal_and_are_few(tmp_path: Path) -> None:
    attributes: list[dict[str, Any]] = [{"\x1b[2J": f"\x1b[2J{number}", "other": "x"} for number in range(30)]
    write_via(tmp_path, {"a.png": [region(**each) for each in attributes]})
    with pytest.raises(UserError) as raised:
        read_split(tmp_path)
    assert str(raised.value).isprintable()
    assert r" and 20 more; other: x 30; choose" in str(raised.value)


def test_values_are_mapped_or_left_out(tmp_path: Path) -> None:
    split = read_split(write_via(tmp_path, {"a.png": [*WORN, region(label="mask")], "b.png": [region()]}), OPTIONS)
    regions = split.photos[0].regions
    assert [(each.label, each.ignore, each.index) for each in regions] == [
        ("hat", False, 0),
        ("hat", True, 2),
        ("mask", False, 3),
    ]
    assert [(fault.kind, fault.file, fault.detail) for fault in split.faults] == [
        ("blank label", "b.png", "`label` is empty")
    ]


def test_a_photo_whose_regions_are_all_left_out_counts_as_not_annotated(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": WORN, "b.png": [region(label="vest")]})
    split = read_split(tmp_path, OPTIONS)
    assert [(fault.kind, fault.detail) for fault in split.faults] == [
        ("no regions", "all its regions are of classes that are left out")
    ]
    assert read_split(tmp_path, ReadOptions("label", OPTIONS.map, "negative")).empty == 1


def test_faults_name_regions_by_their_position_in_the_file(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region(label="vest"), region(label="cap"), region(label="helmet")]})
    split = read_split(tmp_path, replace(OPTIONS, classes=CLASSES))
    assert [(fault.kind, fault.region) for fault in split.faults] == [("unknown label", 1)]
    with pytest.raises(UserError) as raised:
        read_split(tmp_path, ReadOptions(classes=CLASSES))
    assert str(raised.value) == (
        f"{tmp_path / ANNOTATIONS} has objects that are none of the classes 'mask', 'hat': cap 1, helmet 1, vest 1; "
        'map each of them, as in --map "{cap: mask}", or leave it out by --map "{cap: null}"; in training, use '
        '"data.map={cap: mask}", or data.classes=null for the classes in the annotations.'
    )


def test_texts_of_options_are_mapped(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region(label="0"), region(label={"1": True})]})
    definitions = {"region": {"label": {"type": "dropdown", "options": {"0": "helmet", "1": "vest"}}}, "file": {}}
    metadata = json.loads((tmp_path / ANNOTATIONS).read_text())
    (tmp_path / ANNOTATIONS).write_text(json.dumps({"_via_img_metadata": metadata, "_via_attributes": definitions}))
    assert [each.label for each in read_split(tmp_path, OPTIONS).photos[0].regions] == ["hat"]


def test_values_of_the_usual_attribute_are_mapped_too(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [region(fmask="cap"), region()]})
    split = read_split(tmp_path, ReadOptions(map={"cap": "hat", "mask": None}))
    assert [each.label for each in split.photos[0].regions] == ["hat"]


def test_a_value_that_no_region_has_is_refused(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": WORN})
    with pytest.raises(NoSuchCategory, match=r"no region has the `label` 'helm'; they have 'helmet', 'vest'\.$"):
        read_split(tmp_path, ReadOptions("label", {"helm": "hat"}))
    write_via(tmp_path, {"a.png": [{"shape_attributes": SQUARE, "region_attributes": {}}]})
    with pytest.raises(NoSuchCategory, match=r"no region has the `label` 'helm'; no region has this attribute\.$"):
        read_split(tmp_path, ReadOptions("label", {"helm": "hat"}))


def test_regions_without_any_attribute_are_ignored(tmp_path: Path) -> None:
    write_via(tmp_path, {"a.png": [{"shape_attributes": SQUARE, "region_attributes": {}}, region(ignore="true")]})
    assert kinds(read_split(tmp_path)) == ["blank label", "blank label"]


def test_a_run_reads_its_data_with_its_settings(tmp_path: Path) -> None:
    for split, regions in {"train": WORN, "val": WORN[:1], "test": [*WORN, region(label="mask")]}.items():
        (tmp_path / "site" / split).mkdir(parents=True)
        write_via(tmp_path / "site" / split, {"a.png": regions})
    root = str(tmp_path / "site")
    with pytest.raises(UserError, match=r"label: helmet 2, vest 1; colour: red 1"):
        open_dataset(Data("site", root))
    splits = open_dataset(Data("site", root, attribute="label", map={"helmet": "hat", "vest": None})).splits
    assert {name: split.objects for name, split in splits.items()} == {"train": 1, "val": 1, "test": 2}
    with pytest.raises(NoSuchCategory, match="'cap'"):
        open_dataset(Data("site", root, attribute="label", map={"helmet": "hat", "vest": None, "cap": "hat"}))
    other = read_dataset(tmp_path / "site", "site", ReadOptions("label", {"helmet": "mask", "vest": None})).splits
    assert digest(splits["train"]) != digest(other["train"])


@pytest.mark.parametrize(
    ("value", "ignored", "faults"),
    [
        *[(value, True, []) for value in ("true", "True ", "yes", "1", True, {"true": True})],
        *[(value, False, []) for value in ("", "false", "no", "0", False, None, {"true": False}, {})],
        ("partly", True, ["unknown ignore mark"]),
        ({"true": True, "false": True}, True, ["unknown ignore mark"]),
    ],
)
def test_the_ignore_mark_of_a_region(tmp_path: Path, value: Any, ignored: bool, faults: list[str]) -> None:
    split = read_split(write_via(tmp_path, {"a.png": [region(fmask="mask", ignore=value)]}))
    assert [each.ignore for each in split.photos[0].regions] == [ignored]
    assert kinds(split) == faults
    if value == "partly":
        assert split.faults[0].detail == "`ignore` is 'partly'; expected true or false"
