"""Annotation files of the VGG Image Annotator (VIA, https://www.robots.ox.ac.uk/~vgg/software/via/).

Written are JSON exports of VIA 2.x. Read are JSON exports and project files of VIA 1.x, where a photo's regions are a
dictionary, and 2.x, where they are a list.

The label is the value of a region attribute: the one that is chosen, or else `fmask` or the only one. A region whose
attribute `ignore` is "true" counts neither as an object nor as background. Of an object whose attribute `box_only` is
"true", only the box is annotated: the rectangle around its shape. A photo without regions whose file attribute
`empty` is "true" shows no object: others may be photos that nobody has looked at.

A point (x, y) is the centre of column x, row y. VIA limits points to x <= width and y <= height, so a shape drawn to
the right or lower edge of a photo reaches one pixel beyond its last pixel centre.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from fmask.data.config import ATTRIBUTE, ReadOptions
from fmask.data.formats.via_attributes import BOX_ONLY, EMPTY, IGNORE, dig, find_attribute, read_mark, read_value
from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.data.polygons import SHAPES, shape_to_polygon
from fmask.structures.annotations import Photo, PhotoEntry, Region, RegionEntry, Unusable
from fmask.utils.errors import UserError
from fmask.utils.files import write_text

UNKNOWN_MARK = "unknown ignore mark"
"""The kind of fault of a region whose attribute `ignore` means neither true nor false."""
FAR_EDGE = 1.0
"""Distance from the centres of a photo's last pixels to VIA's limit of a point: x = width or y = height."""


def write_split(folder: Path, photos: Iterable[Photo], attribute: str = ATTRIBUTE) -> Path:
    """Write the annotations of photos in `folder` to `via_region_data.json` there, and return its path.

    Args:
        folder: the folder.
        photos: the photos.
        attribute: the region attribute that holds the class.

    Raises:
        UserError: a photo is not in the folder, or the file cannot be written.
    """
    path = Path(folder) / ANNOTATIONS
    write_text(json.dumps(export(folder, photos, attribute)), path)
    return path


def export(folder: Path, photos: Iterable[Photo], attribute: str = ATTRIBUTE) -> dict[str, Any]:
    """Return the annotations of photos in `folder` as the JSON document of a VIA 2.x export.

    Args:
        folder: the folder.
        photos: the photos.
        attribute: the region attribute that holds the class.

    Raises:
        UserError: a photo is not in the folder.
    """
    entries: dict[str, Any] = {}
    for photo in photos:
        regions = [region_entry(region.polygon, _attributes(region, attribute)) for region in photo.regions]
        marks = {} if regions else {EMPTY: "true"}
        entries |= photo_entry(photo.path, relative_name(folder, photo.path), regions, marks)
    return entries


def photo_entry(
    path: Path, name: str, regions: list[dict[str, Any]], attributes: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return a photo's entry of an export, under VIA's key for it: the name followed by the size in bytes.

    Args:
        path: the photo.
        name: its name in the export.
        regions: entries of its regions.
        attributes: its file attributes; none by default.
    """
    size = path.stat().st_size
    return {f"{name}{size}": {"filename": name, "size": size, "regions": regions, "file_attributes": attributes or {}}}


def region_entry(polygon: np.ndarray, attributes: dict[str, str]) -> dict[str, Any]:
    """Return a region's entry of an export, from its polygon (n, 2) and its attributes."""
    x, y = polygon.T.tolist()
    shape = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    return {"shape_attributes": shape, "region_attributes": attributes}


def read_entries(document: Any, path: Path, options: ReadOptions) -> tuple[str, list[PhotoEntry]]:
    """Return the attribute that holds the class, and the photos of a VIA export or project, in file order.

    Args:
        document: the parsed JSON.
        path: the file, for error messages.
        options: the attribute that holds the class, and the classes of its values.

    Raises:
        NoSuchCategory: no region has a value that is mapped.
        UserError: the document does not have the structure of a VIA file, its regions have other attributes only, or
            several attributes could hold the class.
    """
    of_regions, of_photos = (dig(document, "_via_attributes", kind) for kind in ("region", "file"))
    if isinstance(document, dict):
        document = document.get("_via_img_metadata", document)
    if not isinstance(document, dict):
        raise UserError(f"{path} is not a VIA file: expected an object of photos, found {type(document).__name__}.")
    photos: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
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
        photos.append((entry, regions))
    attributes = [each["region_attributes"] for _, regions in photos for each in regions]
    attribute = find_attribute(attributes, of_regions, options, path)
    return attribute, [
        PhotoEntry(
            entry["filename"],
            [_region_entry(region, attribute, of_regions, options.map) for region in regions],
            far_edge=FAR_EDGE,
            empty=read_mark(dig(entry, "file_attributes"), EMPTY, of_photos),
        )
        for entry, regions in photos
    ]


def _attributes(region: Region, attribute: str) -> dict[str, str]:
    ignore = {IGNORE: "true"} if region.ignore and region.label and not region.parent else {}
    box = {BOX_ONLY: "true"} if region.box_only else {}
    return {attribute: region.label or ""} | ignore | box


def _region_entry(
    region: dict[str, Any], attribute: str, definitions: dict[str, Any], classes: Mapping[str, str | None]
) -> RegionEntry:
    attributes = region["region_attributes"]
    label = read_value(attributes, attribute, definitions)
    name = label.strip() if isinstance(label, str) else ""
    left_out = name in classes and classes[name] is None
    label = name if left_out else classes.get(name, label)
    mark = read_mark(attributes, IGNORE, definitions)
    fault = (UNKNOWN_MARK, f"`{IGNORE}` is {mark}; expected true or false") if isinstance(mark, str) else None
    box_only = read_mark(attributes, BOX_ONLY, definitions) is True
    outline = partial(_outline, region["shape_attributes"])
    return RegionEntry(label, bool(mark), outline, fault, box_only=box_only, left_out=left_out)


def _outline(shape: dict[str, Any], width: int, height: int) -> np.ndarray:
    if shape.get("name") not in SHAPES:
        raise Unusable("unknown shape", f"{shortly(shape.get('name'))}; expected one of {', '.join(SHAPES)}")
    try:
        return shape_to_polygon(shape)
    except ValueError as error:
        raise Unusable("bad coordinates", str(error)) from error
