"""Files "CVAT for images 1.1" (https://docs.cvat.ai/docs/manual/advanced/formats/format-cvat/): one XML for all photos.

Polygons, ellipses and masks are objects, and boxes are boxes without outlines. A shape whose attribute `ignore` is true
counts neither as an object of its label nor as background. A photo without shapes may be one that nobody has looked at,
unless it has the tag `empty`.
"""

from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from fmask.data.formats.segmentation import Lazy
from fmask.data.formats.translation import (
    Translation,
    decimals,
    ellipse,
    find_photo,
    number,
    place_mask,
    rotated_extents,
    unknown_shape,
)
from fmask.data.formats.via_attributes import EMPTY, IGNORE, TRUE
from fmask.utils.errors import UserError

SHAPES = "polygon, box, ellipse, mask"
"""The shapes that are read."""
_FOLDER = "images"
"""The folder of the photos in an export that contains them."""


def is_cvat(root: Element) -> bool:
    """Return whether an XML document is a file of CVAT for images."""
    return root.tag == "annotations" and root.find("track") is None


def read(root: Element, path: Path, folder: Path) -> Translation:
    """Read a file of CVAT for images.

    Args:
        root: the parsed XML, for which `is_cvat` is true.
        path: the file, for error messages.
        folder: the folder that photo names are relative to.

    Raises:
        UserError: a photo has no name, or a shape has no label.
    """
    translation = Translation(each.text or "" for each in root.iterfind("meta//label/name"))
    for index, image in enumerate(root.iterfind("image")):
        name = image.get("name")
        if not name:
            raise UserError(f"{path}: image {index} has no `name`.")
        tags = {each.get("label", "").lower() for each in image.iterfind("tag")}
        size = (_side(image.get("width")), _side(image.get("height")))
        names = [name, f"{_FOLDER}/{name}"]
        photo = translation.add_photo(find_photo(folder, names), size, unclear=EMPTY not in tags)
        for shape in image:
            if shape.tag != "tag":
                _add(translation, photo, shape, f"{path}: a {shape.tag} of {name!r}")
    return translation


def _add(translation: Translation, photo: int, shape: Element, place: str) -> None:
    label = shape.get("label")
    if label is None:
        raise UserError(f"{place} has no `label`.")
    marks = [each.text or "" for each in shape.iterfind("attribute") if each.get("name") == IGNORE]
    ignore = any(mark.strip().lower() in TRUE for mark in marks)
    match shape.tag:
        case "polygon":
            translation.add_object(photo, label, lambda width, height: [_points(shape)], ignore)
        case "ellipse":
            translation.add_object(photo, label, lambda width, height: _ellipse(shape), ignore)
        case "mask":
            translation.add_object(photo, label, _mask(shape), ignore)
        case "box":
            translation.add_box(photo, label, lambda width, height: _corners(shape))
        case other:
            translation.add_object(photo, label, unknown_shape(other, SHAPES), ignore)


def _side(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _points(shape: Element) -> list[float]:
    pairs = [pair.split(",") for pair in shape.get("points", "").split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("its `points` are not x,y pairs with semicolons between them")
    return decimals(number(value) for pair in pairs for value in pair)


def _ellipse(shape: Element) -> list[list[float]]:
    x, y, rx, ry = (number(shape.get(key)) for key in ("cx", "cy", "rx", "ry"))
    return ellipse(x, y, rx, ry, number(shape.get("rotation", "0")))


def _corners(shape: Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (number(shape.get(key)) for key in ("xtl", "ytl", "xbr", "ybr"))
    centre = ((left + right) / 2, (top + bottom) / 2)
    left, top, right, bottom = rotated_extents((left, top, right, bottom), number(shape.get("rotation", "0")), centre)
    return left, top, right, bottom


def _mask(shape: Element) -> Lazy:
    """Return a mask: run lengths of background and object in turn, along the rows of a box."""

    def segmentation(width: int, height: int) -> object:
        left, top, columns, rows = (int(number(shape.get(key))) for key in ("left", "top", "width", "height"))
        if not (0 < columns <= width and 0 < rows <= height):
            raise ValueError(f"its mask has {columns} x {rows} pixels; the photo has {width} x {height}")
        texts = shape.get("rle", "").split(",")
        try:
            counts = np.array([int(text) for text in texts], dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise ValueError("its run lengths are not whole numbers with commas between them") from error
        if counts.min() < 0 or counts.max() > columns * rows or counts.sum() != columns * rows:
            raise ValueError(f"its run lengths do not add up to its {columns} x {rows} pixels")
        part = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(rows, columns)
        return place_mask(part, left, top, width, height)

    return segmentation
