"""Annotated photos, read with every fault told and none repaired in silence, and the files of the VGG Image Annotator.

Read are COCO's files (see `fmask.data.formats.coco`) and VIA's: the JSON exports and project files of VIA 1.x (a
photo's regions are a dictionary) and 2.x (a list); see https://www.robots.ox.ac.uk/~vgg/software/via/. There a region's
attribute `fmask` says what it is, `mask` or `hat`; an attribute `ignore` of "true" makes it count neither as an object
nor as background. A point (x, y) is the centre of column x, row y.
"""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from fmask.data.paths import ANNOTATIONS, relative_name
from fmask.data.polygons import SHAPES, outline
from fmask.structures.annotations import Photo, PhotoEntry, Region, RegionEntry, Unusable
from fmask.utils.errors import UserError
from fmask.utils.files import write_text


def write_split(folder: Path, photos: Iterable[Photo]) -> Path:
    """Write `via_region_data.json`, a VIA 2.x export, beside photos that lie in `folder`; return its path.

    Raises:
        UserError: a photo lies elsewhere, or it cannot be written.
    """
    path = Path(folder) / ANNOTATIONS
    write_text(json.dumps(export(folder, photos)), path)
    return path


def export(folder: Path, photos: Iterable[Photo]) -> dict[str, Any]:
    """Photos that lie in `folder` as a VIA 2.x export, which is what goes into its JSON file.

    Raises:
        UserError: a photo lies elsewhere.
    """
    entries: dict[str, Any] = {}
    for photo in photos:
        regions = [
            region_entry(region.polygon, {"fmask": region.label or ""} | _ignore_mark(region))
            for region in photo.regions
        ]
        entries |= photo_entry(photo.path, relative_name(folder, photo.path), regions)
    return entries


def photo_entry(path: Path, name: str, regions: list[dict[str, Any]]) -> dict[str, Any]:
    """A photo's part of an export, under the key that VIA knows it by: its name and its size in bytes."""
    size = path.stat().st_size
    return {f"{name}{size}": {"filename": name, "size": size, "regions": regions, "file_attributes": {}}}


def region_entry(polygon: np.ndarray, attributes: dict[str, str]) -> dict[str, Any]:
    """A region's part of an export; polygon (n, 2)."""
    x, y = polygon.T.tolist()
    shape = {"name": "polygon", "all_points_x": x, "all_points_y": y}
    return {"shape_attributes": shape, "region_attributes": attributes}


def read_entries(export: Any, path: Path) -> list[PhotoEntry]:
    if isinstance(export, dict):
        export = export.get("_via_img_metadata", export)
    if not isinstance(export, dict):
        raise UserError(f"{path} is not a VIA file: expected an object of photos, found {type(export).__name__}.")
    photos = []
    for key, entry in export.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str):
            raise UserError(f"{path} is not a VIA export or project: its entry {shortly(key)} has no `filename`.")
        regions = entry.get("regions", [])
        if isinstance(regions, dict):  # VIA 1.x
            regions = list(regions.values())
        if not isinstance(regions, list):
            raise UserError(f"{path}: `regions` of {shortly(key)} is a {type(regions).__name__}; expected a list.")
        for index, region in enumerate(regions):
            for part in ("shape_attributes", "region_attributes"):
                if not isinstance(region, dict) or not isinstance(region.get(part), dict):
                    raise UserError(f"{path}: region {index} of {shortly(key)} has no object `{part}`.")
        photos.append(PhotoEntry(entry["filename"], [_via_region(region) for region in regions]))
    return photos


def _via_region(entry: dict[str, Any]) -> RegionEntry:
    attributes = entry["region_attributes"]
    ignore = str(attributes.get("ignore")).strip().lower() == "true"
    return RegionEntry(attributes.get("fmask"), ignore, partial(_via_outline, entry["shape_attributes"]))


def _via_outline(shape: dict[str, Any], width: int, height: int) -> np.ndarray:
    if shape.get("name") not in SHAPES:
        raise Unusable("unknown shape", f"{shortly(shape.get('name'))}; known are {', '.join(SHAPES)}")
    try:
        return outline(shape)
    except ValueError as error:
        raise Unusable("bad coordinates", str(error)) from error


def _ignore_mark(region: Region) -> dict[str, str]:
    return {"ignore": "true"} if region.ignore and region.label else {}
