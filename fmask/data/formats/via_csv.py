"""CSV exports of VIA 1 and 2, translated to their JSON exports. Shapes and attributes are JSON in cells."""

import csv
import io
import json
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

from fmask.utils.errors import UserError

_COLUMNS = ("filename", "file_attributes", "region_shape_attributes", "region_attributes")
"""The columns that are read."""
_MAX_CELL = 2**24
"""Largest number of characters of a cell; Python's own limit is less than an outline may have."""


def is_via_csv(text: str) -> bool:
    """Return whether the text of a file is a CSV export of VIA 1 or 2."""
    head = text[:1000].partition("\n")[0]
    return "region_shape_attributes" in head and "filename" in head


def to_json_export(text: str, path: Path) -> dict[str, Any]:
    """Return the JSON export with the photos and regions of a CSV export.

    Args:
        text: the text of the file, for which `is_via_csv` is true.
        path: the file, for error messages.

    Raises:
        UserError: a column is missing, a row has too few cells, or a cell is not a JSON object.
    """
    csv.field_size_limit(_MAX_CELL)
    rows = csv.reader(io.StringIO(text.lstrip("#"), newline=""))  # VIA 1 begins the names of columns with #
    photos: dict[str, Any] = {}
    try:
        header = [name.strip() for name in next(rows)]
        if absent := [name for name in _COLUMNS if name not in header]:
            raise UserError(f"{path} has no column {', '.join(absent)}; CSV exports of VIA have it.")
        columns = [header.index(name) for name in _COLUMNS]
        for row in rows:
            if not row:
                continue
            place = f"{path} line {rows.line_num}"
            if len(row) <= max(columns):
                raise UserError(f"{place} has {len(row)} cells; the first line has {len(header)}.")
            name, *cells = (row[column] for column in columns)
            of_photo, shape, of_region = (_object(cell, place) for cell in cells)
            entry = photos.setdefault(name, {"filename": name, "regions": [], "file_attributes": of_photo})
            if shape:  # a photo without regions has one line, without a shape
                entry["regions"].append({"shape_attributes": shape, "region_attributes": of_region})
    except csv.Error as error:
        raise UserError(f"{path} line {rows.line_num} is not valid CSV: {error}.") from error
    return photos


def _object(cell: str, place: str) -> dict[str, Any]:
    """Return the JSON object in a cell."""
    try:
        value = json.loads(cell or "{}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: {shortly(cell)} is not JSON; CSV exports of VIA have JSON in this cell.") from error
    if not isinstance(value, dict):
        raise UserError(f"{place}: {shortly(cell)} is not a JSON object; CSV exports of VIA have one in this cell.")
    return value
