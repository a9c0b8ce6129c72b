"""Annotation files that are recognised but not read, so that a message can name them."""

import json
from pathlib import Path
from typing import Any

from fmask.data.formats.labelme import is_labelme

READ = (
    "fmask reads VIA, COCO, YOLO segmentation, LabelMe, CVAT for images, Label Studio (JSON), Pascal VOC and PNG masks"
)
"""The formats that are read, for error messages."""

_MAX_BYTES = 128 * 2**20
"""Largest file that `is_labelme_file` reads; LabelMe files may contain their photo."""
_HEAD = 1000
"""Number of characters that contain the header of a CSV file."""


def describe(document: Any) -> str | None:
    """Return what a JSON document is, such as "a COCO list of results", or None if it is not recognised."""
    if isinstance(document, list) and any("image_id" in each for each in document if isinstance(each, dict)):
        return "a COCO list of results"
    if isinstance(document, list) and any("annotation_id" in each for each in document if isinstance(each, dict)):
        return "a JSON-MIN export of Label Studio, which lacks masks"
    if isinstance(document, dict) and isinstance(document.get("images"), list):
        return "a COCO file without a list of `annotations`"
    return None


def describe_text(text: str) -> str | None:
    """Return what the text of a file that is not JSON is, or None if it is not recognised."""
    head = text[:_HEAD]
    if head.startswith("#") and "CSV_HEADER" in head and "spatial_coordinates" in head:
        return "a CSV export of VIA 3, which lacks the names of the attributes"
    return None


def is_labelme_file(path: Path) -> bool:
    """Return whether a file is a LabelMe file; False if it cannot be read."""
    try:
        return path.stat().st_size <= _MAX_BYTES and is_labelme(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return False
