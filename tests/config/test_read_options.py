"""The settings with which a run reads annotation files: on the command line, and as params."""

from dataclasses import asdict, fields

import pytest

from fmask.config.compose import compose_config
from fmask.data.config import ReadOptions
from fmask.studies.runs import NOT_SETTINGS
from fmask.tracking.provenance import flatten
from tests.helpers.classes import CLASSES
from tests.helpers.composing import smoke


def test_a_map_is_a_setting_and_one_param() -> None:
    config = smoke(
        "data.attribute=label", "data.map={hard hat: hat, vest: null, 1: mask}", "data.empty_photos=negative"
    )
    options = ReadOptions.from_settings(vars(config.data))
    assert options == ReadOptions("label", {"hard hat": "hat", "vest": None, "1": "mask"}, "negative", CLASSES)
    params = flatten(asdict(config))
    assert params["data.map"] == '{"hard hat":"hat","vest":null,"1":"mask"}'
    assert (params["data.attribute"], params["data.empty_photos"]) == ("label", "negative")


@pytest.mark.parametrize("name", ["口罩", "Hüte", "no-mask (wrong)", "it's", "a.b/c", "back\\slash", "a=b"])
def test_names_may_have_any_characters(name: str) -> None:
    config = compose_config(["experiment=smoke", f"data.map={{{name}: hat, vest: null}}"])
    assert config.data.map == {name: "hat", "vest": None}


def test_without_a_map_there_is_no_param() -> None:
    config = smoke()
    assert ReadOptions.from_settings(vars(config.data)) == ReadOptions("fmask", classes=CLASSES)
    assert "data.map" not in flatten(asdict(config))


def test_they_do_not_divide_the_rows_of_a_study() -> None:
    """What is read is part of the digest of the data; at the parents, runs with and without leaves have the same."""
    assert {f"data.{field.name}" for field in fields(ReadOptions)} - NOT_SETTINGS == {"data.hierarchy"}
