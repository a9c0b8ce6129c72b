"""Numbers of COCO files in the forms in which some programs write them.

Tables of floats write the id 1 as 1.0, and a missing value as NaN; VIA writes the width and height of a photo that it
has not shown as -1, others as 0; and `iscrowd` is text or a truth value in some files.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

from fmask.utils.errors import UserError

_CROWD = {"": 0, "0": 0, "1": 1, "false": 0, "true": 1}
"""Texts of `iscrowd`, in lower case, and their meaning."""
_MAX_DIGITS = 30
"""Largest number of digits of a float that is read as a whole number; its exponent may have any size."""


def with_plain_numbers(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return a COCO document with whole numbers as `int`, `iscrowd` as 0 or 1, and only known sizes of photos.

    Entries without the structure of a COCO file are returned unchanged.

    Args:
        document: the parsed JSON, with fractions as `Decimal`.
        path: the file, for error messages.

    Raises:
        UserError: an `iscrowd` is neither true nor false.
    """
    changed = dict(document)
    changed["images"] = [_image(entry) if isinstance(entry, dict) else entry for entry in document["images"]]
    changed["annotations"] = [
        _annotation(entry, number, path) if isinstance(entry, dict) else entry
        for number, entry in enumerate(document["annotations"])
    ]
    if isinstance(categories := document.get("categories"), list):
        changed["categories"] = [_whole(entry, "id") if isinstance(entry, dict) else entry for entry in categories]
    return changed


def _image(entry: dict[str, Any]) -> dict[str, Any]:
    entry = _whole(entry, "id", "width", "height")
    unknown = {key for key in ("width", "height") if type(entry.get(key)) is int and entry[key] <= 0}
    return {key: value for key, value in entry.items() if key not in unknown}


def _annotation(entry: dict[str, Any], number: int, path: Path) -> dict[str, Any]:
    entry = _whole(entry, "image_id", "category_id")
    value = entry.get("iscrowd")
    if type(value) is int:
        return entry
    if isinstance(value, str) and value.strip().lower() in _CROWD:
        return entry | {"iscrowd": _CROWD[value.strip().lower()]}
    if value is None or isinstance(value, bool | Decimal) or (isinstance(value, float) and math.isnan(value)):
        return entry | {"iscrowd": int(value == value and bool(value))}
    raise UserError(f"{path}: entry {number} of `annotations` has the `iscrowd` {shortly(value)}; it must be 0 or 1.")


def _whole(entry: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return an entry with those of its values that are whole numbers, such as 1.0, as `int`."""
    found = {key: int(value) for key in keys if type(value := entry.get(key)) is Decimal and _is_whole(value)}
    return entry | found if found else entry


def _is_whole(value: Decimal) -> bool:
    return value.is_finite() and abs(value.adjusted()) < _MAX_DIGITS and value == value.to_integral_value()
