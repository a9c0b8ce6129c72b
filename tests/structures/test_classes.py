"""Class names: their rules, and those of files and runs that did not record them."""

import pytest

from fmask.config.recorded import current_settings
from fmask.data.config import ReadOptions
from fmask.structures.classes import check_classes, most_common_spellings, names_of
from fmask.utils.errors import UserError


def test_classes_without_names_are_those_of_the_study_or_numbers() -> None:
    assert names_of(2) == ("mask", "hat")
    assert names_of(1) == ("1",)
    assert names_of(80)[-1] == "80"


def test_equal_names_are_one_class_in_the_most_frequent_spelling() -> None:
    counts = {"Vest": 2, "vest ": 3, "HELMET": 1, "helmet": 1, " ": 9}
    assert most_common_spellings(counts) == ("HELMET", "vest")
    assert most_common_spellings({"b": 1, "A": 2, "c": 3}) == ("A", "b", "c")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "data.classes must list 1 to 999 class names, not 0."),
        (["a"] * 1000, "data.classes must list 1 to 999 class names, not 1000."),
        (["cap", " "], "data.classes: ' ' is not a class name; a name is printable text."),
        (["cap\n"], r"data.classes: 'cap\n' is not a class name; a name is printable text."),
        ([3], "data.classes: 3 is not a class name; a name is printable text."),
        (["cap", "Cap "], "data.classes lists Cap  twice; names that differ only in case are equal."),
        (["Background"], "data.classes: Background is the name of class 0, which is not listed; "),
    ],
)
def test_lists_that_are_no_classes_are_refused(names: list[object], message: str) -> None:
    with pytest.raises(UserError) as refused:
        check_classes(names)
    assert str(refused.value).startswith(message)


def test_runs_that_recorded_no_classes_have_those_of_the_study() -> None:
    assert current_settings({"data": {"name": "photos"}, "size": 96}) == {
        "data": {"name": "photos", "classes": ["mask", "hat"]},
        "crop_size": 96,
    }
    assert current_settings({"data": {"classes": None}}) == {"data": {"classes": None}}
    assert ReadOptions.from_settings({"name": "photos"}) == ReadOptions("fmask", classes=("mask", "hat"))
    assert ReadOptions.from_settings({"classes": None, "attribute": None}) == ReadOptions()
