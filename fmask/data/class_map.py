"""The map from names in annotations to classes: the setting `data.map`, and the option `--map` of commands."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from fmask.structures.classes import by_key, key_of
from fmask.utils.errors import UserError

EXAMPLE = "{helmet: hat, vest: null}"


def read_map(typed: Any, classes: Sequence[str] | None, setting: str, parents: Iterable[str] = ()) -> dict[str, Any]:
    """Return a map from names to classes, or to None for names that are left out.

    Args:
        typed: the map, or its text as on the command line; None for no map.
        classes: the classes; None if they are those in the annotations.
        setting: name of the setting or option, for messages.
        parents: the parents of a hierarchy, which are allowed beside the classes.

    Raises:
        UserError: it is not a map from names to classes, or the classes are known and it maps a name to another one.
    """
    mapped = read_mapping(typed)
    if mapped is not None and not isinstance(mapped, Mapping):
        example = f'{setting} "{EXAMPLE}"' if setting.startswith("-") else f"{setting}={EXAMPLE}"
        raise UserError(f"{setting} is {typed}; it must be names and their classes, as in {example}.")
    known = by_key((*classes, *parents)) if classes else {}
    for name, label in (mapped or {}).items():
        if label is None or (isinstance(label, str) and label.strip() and (not known or key_of(label) in known)):
            continue
        expected = f"one of {', '.join(known.values())}" if known else "the name of a class"
        raise UserError(f"{setting}: {name} must be {expected}, or null to leave it out, not {label}.")
    return {str(name): label for name, label in (mapped or {}).items()}


def read_mapping(typed: Any) -> Any:
    """Return the mapping that a setting is, or whose YAML it is; other values are returned unchanged.

    In YAML, names such as `no` and `1` are text, and `null` is None.
    """
    if not isinstance(typed, str):
        return typed
    try:
        parsed = yaml.load(typed, yaml.BaseLoader)  # makes nothing but text, lists and mappings
    except yaml.YAMLError:
        return typed
    if not isinstance(parsed, dict):
        return typed
    return {name: None if value in ("null", "~", "") else value for name, value in parsed.items()}
