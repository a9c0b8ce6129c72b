"""LabelMe files (https://github.com/wkentaro/labelme): one JSON file for each photo.

Shapes with the same `group_id` and label are parts of one object. A rectangle is a box without an outline. A shape with
the flag `ignore` counts neither as an object of its label nor as background. `imageData`, a copy of the photo, is not
read.
"""

import base64
import io
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from fmask.data.formats.segmentation import Lazy
from fmask.data.formats.translation import Translation, decimals, ellipse, find_photo, number, place_mask, unknown_shape
from fmask.structures.annotations import Photo, Region
from fmask.utils.errors import UserError

IGNORE = "ignore"
"""The flag of shapes to ignore."""
SHAPES = "polygon, rectangle, circle, ellipse, mask"
"""The shapes that are read."""


def is_labelme(document: Any) -> bool:
    """Return whether a JSON document is a LabelMe file."""
    return isinstance(document, dict) and isinstance(document.get("shapes"), list) and "imagePath" in document


def read(files: Iterable[Path], folder: Path, parse: Callable[[Path], Any]) -> Translation:
    """Read LabelMe files.

    Args:
        files: the files.
        folder: the folder of the photos.
        parse: parses a JSON file; it may raise `UserError`.

    Raises:
        UserError: a file is not a LabelMe file.
    """
    translation = Translation()
    for file in files:
        document = parse(file)
        if not is_labelme(document):
            raise UserError(f"{file} is not a LabelMe file, but others in its folder are; move it elsewhere.")
        size = (document.get("imageWidth"), document.get("imageHeight"))
        photo = translation.add_photo(_photo_name(file, document["imagePath"], folder), size)
        for name, shapes in _objects(document["shapes"], file):
            _add(translation, photo, name, shapes)
    return translation


def document_of(photo: Photo, file: Path) -> dict[str, Any]:
    """Return a photo's annotations as a LabelMe file, to be written to `file`."""
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [_shape(region) for region in photo.regions],
        "imagePath": Path(os.path.relpath(photo.path, file.parent)).as_posix(),
        "imageData": None,
        "imageHeight": photo.height,
        "imageWidth": photo.width,
    }


def _shape(region: Region) -> dict[str, Any]:
    flags = {IGNORE: True} if region.ignore else {}
    shape, points = "polygon", region.polygon + 0.5
    if region.box_only and not region.ignore:
        shape, points = "rectangle", np.array([points.min(axis=0), points.max(axis=0)])
    return {
        "label": region.label or "",
        "points": points.tolist(),
        "group_id": None,
        "shape_type": shape,
        "flags": flags,
    }


def _photo_name(file: Path, listed: Any, folder: Path) -> str:
    """Return the name of a file's photo: `imagePath`, or its last part where the file was moved without its folders."""
    name = listed if isinstance(listed, str) and listed else file.stem
    below = file.parent.relative_to(folder) if file.is_relative_to(folder) else Path()
    return find_photo(folder, [(below / name).as_posix(), (below / PureWindowsPath(name).name).as_posix()])


def _objects(shapes: list[Any], file: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the objects of a file: each one's label and its shapes."""
    objects: dict[Any, tuple[str, list[dict[str, Any]]]] = {}
    for index, shape in enumerate(shapes):
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
            raise UserError(f"{file}: entry {index} of `shapes` has no `label`.")
        group = shape.get("group_id")
        key = (shape["label"], group) if isinstance(group, int) else index
        objects.setdefault(key, (shape["label"], []))[1].append(shape)
    return list(objects.values())


def _add(translation: Translation, photo: int, name: str, shapes: list[dict[str, Any]]) -> None:
    """Add an object of one or several shapes."""
    ignore = any(isinstance(shape.get("flags"), dict) and shape["flags"].get(IGNORE) is True for shape in shapes)
    boxes = [shape for shape in shapes if shape.get("shape_type") == "rectangle"]
    others = [shape for shape in shapes if shape.get("shape_type") != "rectangle"]
    if others and all(shape.get("shape_type", "polygon") in ("polygon", "circle", "ellipse") for shape in others):
        translation.add_object(photo, name, _joined(others), ignore)
    else:
        for shape in others:
            translation.add_object(photo, name, _segmentation(shape), ignore)
    for shape in boxes:
        translation.add_box(photo, name, lambda width, height, shape=shape: _corners(shape))  # type: ignore[misc]


def _joined(shapes: list[dict[str, Any]]) -> Lazy:
    """Return shapes as the polygons of one segmentation."""
    return lambda width, height: [part for shape in shapes for part in _segmentation(shape)(width, height)]


def _segmentation(shape: dict[str, Any]) -> Lazy:
    """Return the segmentation of a shape, which is not a rectangle."""
    match shape.get("shape_type", "polygon"):
        case "polygon":
            return lambda width, height: [decimals(value for point in _points(shape) for value in point)]
        case "circle" | "ellipse":
            return lambda width, height: _round(shape)
        case "mask":
            return lambda width, height: _mask(shape, width, height)
        case other:
            return unknown_shape(other, SHAPES)


def _points(shape: dict[str, Any], count: int | None = None) -> list[list[Any]]:
    """Return the points of a shape, of which there must be `count`.

    Raises:
        ValueError: they are not a list of that many points.
    """
    points = shape.get("points")
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("its `points` are not a list of x, y pairs")
    if count is not None and len(points) != count:
        raise ValueError(f"it has {len(points)} points; a {shape.get('shape_type')} has {count}")
    return points


def _numbers(shape: dict[str, Any], count: int) -> list[float]:
    return [number(value) for point in _points(shape, count) for value in point]


def _corners(shape: dict[str, Any]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = _numbers(shape, 2)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _round(shape: dict[str, Any]) -> list[list[Any]]:
    """Return a circle, given by its centre and a point on it, or an ellipse, by its centre and the ends of its axes."""
    if shape.get("shape_type") == "circle":
        x, y, x1, y1 = _numbers(shape, 2)
        radius = math.hypot(x1 - x, y1 - y)
        return ellipse(x, y, radius, radius)
    x, y, x1, y1, x2, y2 = _numbers(shape, 3)
    turn = math.degrees(math.atan2(y1 - y, x1 - x))
    return ellipse(x, y, math.hypot(x1 - x, y1 - y), math.hypot(x2 - x, y2 - y), turn)


def _mask(shape: dict[str, Any], width: int, height: int) -> Any:
    """Return a mask, which is a PNG file in base64 that covers the box of the shape's two points."""
    left, top, *_ = (math.floor(value) for value in _numbers(shape, 2))
    try:
        content = base64.b64decode(shape.get("mask") or "", validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            columns, rows = image.size
            fits = columns <= width and rows <= height  # checked before any pixel is decoded
            part = np.asarray(image.convert("L")) > 0 if fits else np.zeros((0, 0), bool)
    except Exception as error:  # Pillow's decoders raise almost any exception for a broken file
        raise ValueError("its `mask` is not a PNG file in base64") from error
    if not fits:
        raise ValueError(f"its mask has {columns} x {rows} pixels, more than the photo")
    return place_mask(part, left, top, width, height)
