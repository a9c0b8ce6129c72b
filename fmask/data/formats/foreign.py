"""Annotation files that are recognised but not read, so that a message can name them."""

import json
from pathlib import Path
from typing import Any

READ = "fmask reads JSON exports and projects of VIA 1 and 2, and COCO files"
"""The formats that are read, for error messages."""

_MAX_BYTES = 32 * 2**20
"""Largest file that `describe_file` reads; labelme files may contain their photo."""
_HEAD = 1000
"""Number of characters that contain the header of a CSV file."""


def describe(document: Any) -> str | None:
    """Return what a JSON document is, such as "a project of VIA 3", or None if it is not recognised."""
    if isinstance(document, list) and any("image_id" in each for each in document if isinstance(each, dict)):
        return "a COCO list of results"
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("images"), list):
        return "a COCO file without a list of `annotations`"
    if all(isinstance(document.get(key), dict) for key in ("project", "file", "view", "metadata")):
        return "a project of VIA 3"
    if isinstance(document.get("shapes"), list) and "imagePath" in document:
        return "a labelme file"
    return None


def describe_text(text: str) -> str | None:
    """Return what the text of a file that is not JSON is, or None if it is not recognised."""
    head = text[:_HEAD]
    if "region_shape_attributes" in head.partition("\n")[0]:
        return "a CSV export of VIA"
    if head.startswith("#") and "CSV_HEADER" in head and "spatial_coordinates" in head:
        return "a CSV export of VIA 3"
    return None


def describe_file(path: Path) -> str | None:
    """Return what a file is, or None if it is not recognised or cannot be read."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        text = path.read_text(encoding="utf-8-sig")
        return describe(json.loads(text)) if path.suffix == ".json" else describe_text(text)
    except (OSError, ValueError, RecursionError):
        return None
