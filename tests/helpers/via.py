"""VIA exports and photos for tests."""

import json
from pathlib import Path
from typing import Any

from PIL import Image

from fmask.data.paths import ANNOTATIONS
from fmask.structures.annotations import Split

SQUARE = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [3, 3, 9, 9]}


def region(shape: dict[str, Any] = SQUARE, **attributes: Any) -> dict[str, Any]:
    """Return a region of an export, labelled as a mask unless attributes are given."""
    return {"shape_attributes": shape, "region_attributes": attributes or {"fmask": "mask"}}


def write_via(folder: Path, photos: dict[str, Any], name: str = ANNOTATIONS) -> Path:
    """Write a VIA 2.x export of `photos` (name to regions), and photos of 20 x 12 pixels unless they exist."""
    for file in photos:
        if "/" not in file and not (folder / file).exists():
            Image.new("RGB", (20, 12), "grey").save(folder / file)
    entries = {f"{file}-1": {"filename": file, "size": -1, "regions": regions} for file, regions in photos.items()}
    (folder / name).write_text(json.dumps(entries))
    return folder


def kinds(split: Split) -> list[str]:
    """Return the kinds of the faults of a split."""
    return [fault.kind for fault in split.faults]
