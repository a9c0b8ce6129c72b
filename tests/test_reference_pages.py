"""The reference pages that are written from the code."""

from docs._ext.conf_files import choices, presets
from docs._ext.reference_pages import commands_page
from docs._ext.setting_pages import settings_page
from fmask.config.compose import compose_config


def _entry(key: str) -> str:
    """Return the part of the page about a setting."""
    page = settings_page()
    start = page.index(f"```{{confval}} {key}\n")
    return page[start : page.index("\n```\n", start)]


def test_a_recipe_also_sets_what_it_inherits() -> None:
    scratch, transfer = presets()["recipe=scratch"], presets()["recipe=transfer"]
    assert transfer.keys() >= scratch.keys()
    assert transfer["backbone"] == "`efficientnet_lite0`"
    assert "`recipe=transfer`" in _entry("crop_size")


def test_the_values_on_the_page_are_those_of_a_run() -> None:
    for recipe in choices()["recipe"]:
        config = compose_config([f"recipe={recipe}", "data=rendered", "weights=none"])
        values = presets()[f"recipe={recipe}"]
        for key in ("crop_size", "image_size", "lr", "batch_size"):
            assert values[key] == f"`{getattr(config, key)}`"


def test_a_value_that_depends_on_the_data_is_in_words() -> None:
    assert "(`16` for `data=rendered`, else `36`)" in _entry("epochs")
    assert "${" not in settings_page()


def test_commands_are_shown_as_they_are_typed() -> None:
    lines = commands_page().split("\n")
    assert {
        "fmask train [KEY=VALUE]...",
        "fmask show-batch [OPTIONS] [KEY=VALUE]...",
        "fmask splash [OPTIONS] MODEL INPUTS...",
        "fmask install [OPTIONS] COMMAND [ARGS]...",
        "`--min-confidence NUMBER`",
        "`--map TEXT`",
    } <= set(lines)
