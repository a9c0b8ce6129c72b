"""Overrides as people type them, in the notation that Hydra reads.

Hydra's grammar allows few characters outside quotes: no letters beyond ASCII, no `=`, `(`, `'` or `#`, and no `~` at
the start. It reads `study=2024_01` as the number 202401. Values of settings that are text are therefore quoted here,
unless Hydra reads them as they are.
"""

import dataclasses
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hydra.core.override_parser.types import Override

from fmask.config.schema import Config
from fmask.utils.errors import UserError

PATHS = ("data.root", "weights", "distill.teachers")
"""Settings that name files or folders; a leading ~ is the home folder."""
LIST = r"\[[^]['\"${}]*\]"
"""A list that contains no quotes, interpolations or lists."""
MAPS = ("data.map", "data.hierarchy")
"""Settings that are mappings whose keys may have any characters, which Hydra does not allow even in quotes."""


def as_hydra(override: str) -> str:
    """Return an override in the notation that Hydra reads.

    The value of a setting that is text is quoted if necessary, and ~ at its beginning is expanded if it is a path.
    Commas separate the values of a sweep. Other overrides, and values that are quoted already, are returned unchanged.
    """
    key, equals, value = override.partition("=")
    name = key.lstrip("+")
    if name in MAPS and value[:1] == "{" and _parsed(override) is None:
        return f"{key}='{_escaped(value, chr(39))}'"  # `validate` parses the text
    if name in _text_keys(list) and re.fullmatch(rf"{LIST}(,{LIST})*", value):
        items = (each[1:-1] for each in re.findall(LIST, value))
        return f"{key}=" + ",".join(f"[{','.join(_quoted_items(name, each))}]" for each in items)
    if not equals or name not in _text_keys() or value[:1] in ("'", '"') or "${" in value:
        return override
    parsed = _parsed(override)
    if parsed and parsed.is_sweep_override() and not parsed.is_choice_sweep():
        return override  # a function, such as glob(*)
    if re.match(r"(choice|shuffle|sort|tag|glob|range|interval)\(", value):
        return override  # one that Hydra reports as wrong
    return f"{key}=" + ",".join(_quoted_if_necessary(name, each) for each in value.split(","))


def _quoted_items(name: str, items: str) -> Iterator[str]:
    """Yield the items of a list, quoted where Hydra would not read them as they are."""
    for each in filter(None, map(str.strip, items.split(","))):
        yield _quoted_if_necessary(name, each)


def check_commas(program: str, overrides: Sequence[str]) -> None:
    """Refuse a path with a comma that is not quoted, and would be a sweep over its parts.

    Raises:
        UserError: there is such a path; the message has the override to type.
    """
    for override in overrides:
        key, _, value = override.partition("=")
        path = Path(value).expanduser() if key.lstrip("+") in PATHS and "," in value else None
        if path and path.exists():
            right = shlex.quote(f'{key}="{_escaped(str(path), chr(34))}"')
            raise UserError(
                f"{override}: commas separate the values of a sweep, but {value} is one path; "
                f"type {program} {right} for it."
            )


def _quoted_if_necessary(name: str, value: str) -> str:
    if name in PATHS and re.match(r"~(/|$)", value):
        value = str(Path(value).expanduser())
    parsed = _parsed(f"{name}={value}")
    if value == "null" or (parsed and not parsed.is_sweep_override() and parsed.value() == value):
        return value
    return quoted(value)


def quoted(text: str) -> str:
    """Return a text in quotes, as Hydra reads it."""
    return f"'{_escaped(text, chr(39))}'"


def _escaped(value: str, quote: str) -> str:
    """Escape quotes, and the backslashes before quotes and at the end, for a quoted value."""
    return re.sub(rf"(\\*)({quote}|$)", lambda found: found[1] * 2 + (f"\\{quote}" if found[2] else ""), value)


def _parsed(override: str) -> Override | None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


@cache
def _text_keys(container: type | None = None) -> frozenset[str]:
    """Return the settings that are text, or with `container=list` those that are lists of text."""
    return frozenset(key for key, kind in _settings(Config) if kind in _TEXT[container])


_TEXT: dict[type | None, tuple[Any, ...]] = {None: (str, str | None), list: (list[str], list[str] | None)}


def _settings(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, kind in get_type_hints(schema).items():
        inner = next((each for each in get_args(kind) if each is not type(None)), kind)
        if dataclasses.is_dataclass(inner):
            yield from _settings(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", kind
