"""The map from names to classes, as typed on the command line."""

import pytest

from fmask.data.class_map import read_map
from fmask.data.formats.names import how_to_map
from fmask.utils.errors import UserError


@pytest.mark.parametrize(
    ("typed", "mapped"),
    [
        (None, {}),
        ("{}", {}),
        ("{hard hat: hat, no: mask, 1: hat}", {"hard hat": "hat", "no": "mask", "1": "hat"}),
        ("{vest: null, coat: ~, shoe: }", {"vest": None, "coat": None, "shoe": None}),
        ("{'a, b': hat, \"c: d\": null}", {"a, b": "hat", "c: d": None}),
        ({"cap": "head"}, {"cap": "head"}),
    ],
)
def test_names_are_text_and_null_leaves_out(typed: object, mapped: dict[str, str | None]) -> None:
    assert read_map(typed, ("mask", "HAT"), "--map", ["head"]) == mapped


@pytest.mark.parametrize("typed", ["hat", "{hat", "[hat]", "{cap: [hat]}", "{cap: {a: b}}", "{cap: dog}", ["cap"]])
def test_mistakes_are_refused(typed: object) -> None:
    with pytest.raises(UserError, match=r"^--map.*(as in --map \"\{helmet: hat|must be one of mask, hat, or null)"):
        read_map(typed, ("mask", "hat"), "--map")


@pytest.mark.parametrize("name", ["cap", "a, b", "it's", "null", "-x", "c: d", "{e}", " f", "#g", "h "])
def test_examples_in_messages_can_be_typed(name: str) -> None:
    examples = [each.split('"')[1] for each in how_to_map(name, "hat").split("--map ")[1:]]
    assert [read_map(each, None, "--map") for each in examples] == [{name: "hat"}, {name: None}]
