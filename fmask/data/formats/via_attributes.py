"""Attributes of regions and photos in VIA files: the class, and the marks `ignore`, `box_only` and `empty`.

An attribute is text, or a dropdown, radio or checkbox attribute. For these, VIA writes the id of the chosen option, or
the ids of all options and whether each is ticked. Only project files contain the texts of the options; without its
text, an option's id is the value.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

from fmask.data.config import ATTRIBUTE, ReadOptions
from fmask.data.formats.labels import counted
from fmask.data.formats.names import NoSuchCategory, quoted, typed
from fmask.utils.errors import UserError, printable

IGNORE, BOX_ONLY, EMPTY = "ignore", "box_only", "empty"
"""The region attributes that mark a region to ignore, and an object of which only the box is annotated; and the file
attribute that marks a photo without objects."""
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no", "none", "")
"""Values of marks, in lower case."""
_SHOWN = 10
"""Largest number of attributes that a message lists."""


def read_value(attributes: Mapping[str, Any], name: str, definitions: dict[str, Any]) -> Any:
    """Return the value of an attribute: a text, or what the file has if it is not exactly one option.

    Args:
        attributes: the attributes of a region or a photo.
        name: the attribute.
        definitions: the project's definitions of the attributes of regions or photos; empty for an export.
    """
    ids = _chosen(attributes.get(name))
    if len(ids) != 1:
        return attributes.get(name)
    text = _options(definitions, name).get(ids[0]) if isinstance(ids[0], str) else None
    return text if isinstance(text, str) and text.strip() else ids[0]


def read_mark(attributes: Mapping[str, Any], name: str, definitions: dict[str, Any]) -> bool | str:
    """Return whether the attributes of a region or a photo have a mark.

    Args:
        attributes: the attributes of a region or a photo.
        name: `IGNORE`, `BOX_ONLY` or `EMPTY`.
        definitions: see `read_value`.

    Returns:
        True or False, or a short text of a value that means neither.
    """
    ids = _chosen(attributes.get(name))
    if not ids:  # a checkbox that is not ticked
        return False
    value = read_value(attributes, name, definitions)
    text = str(value).strip().lower()
    if text in FALSE:
        return False
    is_id_of_true = len(ids) == 1 and str(ids[0]).strip().lower() in TRUE
    return True if text in TRUE or is_id_of_true else shortly(value)


def find_attribute(
    regions: Sequence[Mapping[str, Any]], definitions: dict[str, Any], options: ReadOptions, path: Path
) -> str:
    """Return the attribute that holds the class, and check that it has every value that is mapped.

    Args:
        regions: the attributes of all regions in the file.
        definitions: see `read_value`.
        options: the attribute, if it is chosen, and the map. Otherwise it is the attribute `fmask`, or the only one
            with values.
        path: the file, for error messages.

    Raises:
        NoSuchCategory: no region has one of the mapped values.
        UserError: no region has the chosen attribute, but some have others; or none is chosen and several could be it.
    """
    found = {
        other: Counter(str(read_value(each, other, definitions)).strip() for each in regions if other in each)
        for other in dict.fromkeys(key for each in regions for key in each if key not in (IGNORE, BOX_ONLY))
    }
    name = options.attribute or _only_one(found, path)
    if found and name not in found:
        raise UserError(
            f"{path}: no region has the attribute `{name}`; their attributes are {_listed(found)}; "
            f"{_how_to_choose(found)}"
        )
    if absent := set(options.map) - set(found.get(name, ())):
        values = f"they have {quoted(found[name])}" if name in found else "no region has this attribute"
        raise NoSuchCategory(f"{path}: no region has the `{name}` {quoted(absent)}; {values}.", absent)
    return name


def _only_one(found: Mapping[str, Counter[str]], path: Path) -> str:
    if ATTRIBUTE in found or not found:
        return ATTRIBUTE
    filled = [name for name, values in found.items() if any(values)] or list(found)
    if len(filled) > 1:
        raise UserError(
            f"{path}: the regions have several attributes, and none is called `{ATTRIBUTE}`: {_listed(found)}; "
            f"{_how_to_choose(found)}"
        )
    return filled[0]


def _how_to_choose(found: Mapping[str, Counter[str]]) -> str:
    """Return an example of choosing an attribute: the one that most regions have, and with few values."""
    example = typed(min(found, key=lambda name: (-found[name].total() + found[name][""], len(found[name]))))
    return (
        f'choose the one that holds the class, as in "data.attribute={example}" in training and '
        f'--attribute "{example}" in other commands.'
    )


def _listed(found: Mapping[str, Counter[str]]) -> str:
    """Return attributes with the numbers of their values, as in "label: helmet 3, vest 1"."""
    names = [f"{printable(name)[:60]}: {counted(counts)}" for name, counts in list(found.items())[:_SHOWN]]
    return "; ".join(names) + (f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _chosen(value: Any) -> list[Any]:
    """Return the ids of the ticked options of a checkbox attribute; other values are a single choice."""
    return [key for key, is_ticked in value.items() if is_ticked is True] if isinstance(value, dict) else [value]


def _options(definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the texts of an attribute's options by id; empty for attributes of type text."""
    kind = dig(definitions, name).get("type")
    return {} if kind == "text" else dig(definitions, name, "options")


def dig(document: Any, *keys: str) -> dict[str, Any]:
    """Return the object below the keys of nested objects, or an empty object if there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}
