"""Projects of VIA 3 (https://www.robots.ox.ac.uk/~vgg/software/via/), translated to those of VIA 2.

A project has files, views of files, attributes, and metadata: shapes as lists of numbers that begin with the shape's
kind, and values of attributes by the attributes' ids.
"""

from pathlib import Path
from reprlib import repr as shortly
from typing import Any

from fmask.data.formats.via_attributes import dig
from fmask.utils.errors import UserError

_KINDS = {1: "text", 2: "checkbox", 3: "radio", 4: "dropdown"}
"""The kinds of attributes."""
_OF_REGIONS, _OF_PHOTOS = "FILE1_Z0_XY1", "FILE1_Z0_XY0"
"""The `anchor_id` of attributes of regions and of photos."""
_IMAGE = 2
"""The `type` of files that are images."""
_SHAPES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
}
"""Shapes of a fixed number of values, by kind."""
_LINES = {5: "line", 6: "polyline", 7: "polygon"}
"""Shapes of any number of points, by kind."""


def is_via3(document: Any) -> bool:
    """Return whether a JSON document is a project of VIA 3."""
    keys = ("project", "file", "view", "metadata")
    return isinstance(document, dict) and all(isinstance(document.get(key), dict) for key in keys)


def to_via2(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return a project of VIA 3 as a project of VIA 2.

    Args:
        document: the parsed JSON, for which `is_via3` is true.
        path: the file, for error messages.

    Raises:
        UserError: the document does not have the structure of a project, or annotates films or sounds.
    """
    attributes = dig(document, "attribute")
    entries = {str(vid): _photo(view, vid, document, path) for vid, view in document["view"].items()}
    for mid, metadata in document["metadata"].items():
        vid = metadata.get("vid") if isinstance(metadata, dict) else None
        entry = entries.get(str(vid)) if isinstance(vid, int | str) else None
        if entry is None:
            raise UserError(f"{path}: the metadata {shortly(mid)} has a `vid` that is not among the views.")
        if metadata.get("z"):
            raise UserError(f"{path}: the metadata {shortly(mid)} is about a time in a film; fmask reads photos.")
        points = metadata.get("xy")
        anchor = _OF_REGIONS if points else _OF_PHOTOS
        values = _values(dig(metadata, "av"), attributes, anchor)
        if points:
            entry["regions"].append({"shape_attributes": _shape(points), "region_attributes": values})
        else:
            entry["file_attributes"] |= values
    kinds = {"region": _OF_REGIONS, "file": _OF_PHOTOS}
    definitions = {kind: _definitions(attributes, anchor) for kind, anchor in kinds.items()}
    return {"_via_img_metadata": entries, "_via_attributes": definitions}


def _photo(view: Any, vid: Any, document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the entry of a view's photo, without regions."""
    files = view.get("fid_list") if isinstance(view, dict) else None
    if not isinstance(files, list) or len(files) != 1:
        raise UserError(f"{path}: the view {shortly(vid)} must have one file in its `fid_list`, not {shortly(files)}.")
    file = dig(document, "file", str(files[0]))
    if not isinstance(file.get("fname"), str):
        raise UserError(f"{path}: the file {shortly(files[0])} of the view {shortly(vid)} has no `fname`.")
    if str(file.get("type", _IMAGE)) != str(_IMAGE):
        raise UserError(f"{path}: {shortly(file['fname'])} is a film or a sound; fmask reads photos.")
    return {"filename": file["fname"], "regions": [], "file_attributes": {}}


def _shape(points: Any) -> dict[str, Any]:
    """Return a list of numbers as `shape_attributes`, whose values need not be valid."""
    kind, *values = points if isinstance(points, list) else [None]
    kind = kind if isinstance(kind, int | float) else None
    if kind in _LINES:
        return {"name": _LINES[int(kind)], "all_points_x": values[::2], "all_points_y": values[1::2]}
    if kind in _SHAPES:
        name, keys = _SHAPES[int(kind)]
        return {"name": name} | dict(zip(keys, values, strict=False))
    return {"name": kind}


def _definitions(attributes: dict[str, Any], anchor: str) -> dict[str, Any]:
    """Return the attributes of regions or photos as VIA 2 defines them."""
    return {
        str(attribute.get("aname")): {"type": _kind(attribute), "options": attribute.get("options")}
        for attribute in attributes.values()
        if isinstance(attribute, dict) and attribute.get("anchor_id") == anchor
    }


def _values(values: dict[str, Any], attributes: dict[str, Any], anchor: str) -> dict[str, Any]:
    """Return the values of attributes by name; those of checkboxes, ids with commas, as VIA 2 writes them."""
    found = {}
    for aid, value in values.items():
        attribute = dig(attributes, aid)
        if attribute.get("anchor_id", anchor) != anchor:
            continue
        if _kind(attribute) == "checkbox" and isinstance(value, str):
            value = {each: True for each in value.split(",") if each}
        found[str(attribute.get("aname", aid))] = value
    return found


def _kind(attribute: dict[str, Any]) -> str | None:
    kind = attribute.get("type")
    return _KINDS.get(kind) if isinstance(kind, int) else None
