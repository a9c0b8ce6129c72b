"""Annotation files of the VGG Image Annotator (VIA, https://www.robots.ox.ac.uk/~vgg/software/via/).

Written are JSON exports of VIA 2.x. Read are JSON exports and project files of VIA 1.x, where a photo's regions are a
dictionary, and 2.x, where they are a list.

The region attribute `fmask` is the label, `mask` or `hat`. A region whose attribute `ignore` is "true" counts neither
as an object nor as background. Both may be text, or a dropdown, radio or checkbox attribute. For these, VIA writes the
id of the chosen option, or the ids of all options and whether each is ticked. Only project files contain the texts of
the options; without its text, an option's id is the value.

A point (x, y) is the centre of column x, row y. VIA limits points to x <= width and y <= height, so a shape drawn to
the right or lower edge of a photo reaches one pixel beyond its last pixel centre.
"""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.data.polygons import SHAPES, shape_to_polygon
from fmask.structures.annotations import Photo, PhotoEntry, Region, RegionEntry, Unusable
from fmask.utils.errors import UserError
from fmask.utils.files import write_text

ATTRIBUTES = ("fmask", "ignore")
"""The region attributes that are read."""
FAR_EDGE = 1.0
"""Distance from the centres of a photo's last pixels to VIA's limit of a point: x = width or y = height."""


def write_split(folder: Path, photos: Iterable[Photo]) -> Path:
    """Write the annotations of photos in `folder` to `via_region_data.json` there, and return its path.

    Raises:
        UserError: a photo is not in the folder, or the file cannot be written.
    """
    path = Path(folder) / ANNOTATIONS
    write_text(json.dumps(export(folder, photos)), path)
    return path


def export(folder: Path, photos: Iterable[Photo]) -> dict[str, Any]:
    """Return the annotations of photos in `folder` as the JSON document of a VIA 2.x export.

    Raises:
        UserError: a photo is not in the folder.
    """
    entries: dict[str, Any] = {}
    for photo in photos:
        regions = [region_entry(region.polygon, _attributes(region)) for region in photo.regions]
        entries |= photo_entry(photo.path, relative_name(folder, photo.path), regions)
    return entries


def photo_entry(path: Path, name: str, regions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a photo's entry of an export, under VIA's key for it: the name followed by the size in bytes."""
    size = path.stat().st_size
    return {f"{name}{size}": {"filename": name, "size": size, "regions": regions, "file_attributes": {}}}


def region_entry(polygon: np.ndarray, attributes: dict[str, str]) -> dict[str, Any]:
    """Return a region's entry of an export, from its polygon (n, 2) and its attributes."""
    x, y = polygon.T.tolist()
    shape = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    return {"shape_attributes": shape, "region_attributes": attributes}


def read_entries(document: Any, path: Path) -> list[PhotoEntry]:
    """Return the photos of a VIA export or project, in file order.

    Args:
        document: the parsed JSON.
        path: the file, for error messages.

    Raises:
        UserError: the document does not have the structure of a VIA file.
    """
    attributes: dict[str, Any] = {}
    if isinstance(document, dict):
        attributes = _dig(document, "_via_attributes", "region")
        document = document.get("_via_img_metadata", document)
    if not isinstance(document, dict):
        raise UserError(f"{path} is not a VIA file: expected an object of photos, found {type(document).__name__}.")
    photos = []
    for key, entry in document.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str):
            raise UserError(f"{path} is not a VIA export or project: its entry {shortly(key)} has no `filename`.")
        regions = entry.get("regions", [])
        if isinstance(regions, dict):  # VIA 1.x
            regions = list(regions.values())
        if not isinstance(regions, list):
            raise UserError(f"{path}: `regions` of {shortly(key)} must be a list, not {type(regions).__name__}.")
        for index, region in enumerate(regions):
            for part in ("shape_attributes", "region_attributes"):
                if not isinstance(region, dict) or not isinstance(region.get(part), dict):
                    raise UserError(f"{path}: region {index} of {shortly(key)} has no `{part}` object.")
        entries = [_region_entry(region, attributes) for region in regions]
        photos.append(PhotoEntry(entry["filename"], entries, far_edge=FAR_EDGE))
    return photos


def _attributes(region: Region) -> dict[str, str]:
    ignore = {"ignore": "true"} if region.ignore and region.label else {}
    return {"fmask": region.label or ""} | ignore


def _region_entry(region: dict[str, Any], attributes: dict[str, Any]) -> RegionEntry:
    label, ignore = (_value(region["region_attributes"].get(name), _options(attributes, name)) for name in ATTRIBUTES)
    return RegionEntry(label, str(ignore).strip().lower() == "true", partial(_outline, region["shape_attributes"]))


def _options(attributes: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the texts of a region attribute's options by id; empty for attributes of type text."""
    kind = _dig(attributes, name).get("type")
    return {} if kind == "text" else _dig(attributes, name, "options")


def _value(value: Any, options: dict[str, Any]) -> Any:
    """Return the text of a chosen option; a value that is not exactly one option is returned unchanged."""
    ticked = [key for key, is_ticked in value.items() if is_ticked is True] if isinstance(value, dict) else [value]
    if len(ticked) != 1:
        return value
    text = options.get(ticked[0]) if isinstance(ticked[0], str) else None
    return text if isinstance(text, str) and text.strip() else ticked[0]


def _dig(document: Any, *keys: str) -> dict[str, Any]:
    """Return the object below the keys of nested objects, or an empty object if there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _outline(shape: dict[str, Any], width: int, height: int) -> np.ndarray:
    if shape.get("name") not in SHAPES:
        raise Unusable("unknown shape", f"{shortly(shape.get('name'))}; expected one of {', '.join(SHAPES)}")
    try:
        return shape_to_polygon(shape)
    except ValueError as error:
        raise Unusable("bad coordinates", str(error)) from error
