"""Annotations of other programs as a COCO document in memory, which `fmask.data.formats.coco` reads.

So categories, boxes without outlines and faults are treated alike, and average precision is what COCO's tools compute
from the document. As in COCO files, pixel edges lie at whole numbers.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np

from fmask.data.config import ReadOptions
from fmask.data.formats import coco
from fmask.data.formats.segmentation import Lazy
from fmask.data.paths import is_inside, spelled_as_file
from fmask.data.polygons import shape_to_polygon
from fmask.structures.annotations import PhotoEntry, Unusable
from fmask.structures.run_length import RunLengths, encode_mask

Corners = Callable[[int, int], tuple[float, float, float, float]]
"""A function from width and height of the photo to left, top, right and bottom of a box; it may raise `ValueError`."""


class Translation:
    """A COCO document that a reader fills."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Start an empty document.

        Args:
            names: the categories that the file lists; others are added with their objects.
        """
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._categories = {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
        self._unclear: set[Any] = set()
        self._notes: dict[Any, tuple[tuple[str, str], ...]] = {}

    def add_photo(
        self,
        name: str,
        size: tuple[Any, Any] | None = None,
        unclear: bool = False,
        notes: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Add a photo and return its id.

        Args:
            name: relative to the folder of the photos.
            size: its width and height in the file; None if the file has none. Values that are not positive whole
                numbers count as missing.
            unclear: whether nobody may have looked at the photo if it has no objects.
            notes: see `PhotoEntry.notes`.
        """
        image: dict[str, Any] = {"id": len(self._images) + 1, "file_name": name}
        if size:
            image |= {"width": size[0], "height": size[1]}
        if unclear:
            self._unclear.add(image["id"])
        self._notes[image["id"]] = tuple(notes)
        self._images.append(image)
        return len(self._images)

    def add_object(self, photo: int, name: str, segmentation: Any, ignore: bool = False) -> None:
        """Add an object with an outline or a mask.

        Args:
            photo: the id of its photo.
            name: its category.
            segmentation: polygons, each x1, y1, x2, y2, ..., whose values need not be valid; or `Lazy`.
            ignore: whether it counts neither as an object of its category nor as background.
        """
        if isinstance(segmentation, list):
            segmentation = [decimals(part) for part in segmentation]
        self._add(photo, name, {"segmentation": segmentation, "iscrowd": int(ignore)})

    def add_ignored(self, photo: int, segmentation: Lazy) -> None:
        """Add a region that counts neither as an object of any category nor as background."""
        for name in tuple(self._categories):  # consecutive crowds with the same segmentation become one region
            self._add(photo, name, {"segmentation": segmentation, "iscrowd": 1})

    def add_box(self, photo: int, name: str, corners: Corners) -> None:
        """Add an object that has a box and no outline."""

        def bbox(width: int, height: int) -> list[Any]:
            left, top, right, bottom = corners(width, height)
            return decimals([left, top, right - left, bottom - top])

        self._add(photo, name, {"bbox": bbox})

    def document(self) -> dict[str, Any]:
        """Return the COCO document; its segmentations and boxes may be `Lazy`."""
        categories = [{"id": number, "name": name} for name, number in self._categories.items()]
        return {"images": self._images, "annotations": self._annotations, "categories": categories}

    def entries(self, path: Path, options: ReadOptions) -> list[PhotoEntry]:
        """Return the photos, read like those of a COCO file.

        Args:
            path: the file or folder that was read, for error messages.
            options: how it is read.

        Raises:
            NoSuchCategory: `options` map a category that the file does not have.
            UserError: there are objects of an unknown, unmapped category.
        """
        read = coco.read_entries(self.document(), path, options.map)
        return [
            replace(
                each,
                empty=bool(each.empty) and each.image_id not in self._unclear,
                notes=self._notes.get(each.image_id, ()),
            )
            for each in read
        ]

    def _add(self, photo: int, name: str, shape: dict[str, Any]) -> None:
        category = self._categories.setdefault(name, len(self._categories) + 1)
        self._annotations.append({"id": len(self._annotations) + 1, "image_id": photo, "category_id": category} | shape)


def decimals(values: Iterable[Any]) -> list[Any]:
    """Return values with floats as `Decimal`, as COCO files are parsed; others are returned unchanged."""
    return [Decimal(repr(float(value))) if isinstance(value, float) else value for value in values]


def number(text: Any) -> float:
    """Return a finite number, or the one that a text contains.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(text, int | float | str) and not isinstance(text, bool):
        try:
            if math.isfinite(value := float(text)):
                return value
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"{shortly(text)} is not a number")


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0) -> list[list[Any]]:
    """Return an ellipse as a `segmentation`, from its centre, its half-axes and its clockwise rotation.

    Raises:
        ValueError: a value is not finite or too large.
    """
    shape = {"name": "ellipse", "cx": x, "cy": y, "rx": rx, "ry": ry, "theta": math.radians(degrees)}
    return [decimals(shape_to_polygon(shape).ravel().tolist())]


def rotated_extents(corners: Sequence[float], degrees: float, around: tuple[float, float]) -> tuple[float, ...]:
    """Return the box around a rotated box.

    Args:
        corners: left, top, right and bottom before the rotation.
        degrees: the clockwise rotation.
        around: x and y of its centre.
    """
    if not degrees:
        return tuple(corners)
    left, top, right, bottom = corners
    points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) - around
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = points @ np.array([[cos, sin], [-sin, cos]]) + around
    return (*turned.min(axis=0).tolist(), *turned.max(axis=0).tolist())


def place_mask(part: np.ndarray, left: int, top: int, width: int, height: int) -> RunLengths:
    """Return the mask of a photo of which only a part, bool (h, w), is stored.

    Raises:
        ValueError: the part does not lie inside the photo.
    """
    rows, columns = part.shape
    if left < 0 or top < 0 or left + columns > width or top + rows > height:
        raise ValueError(f"its mask of {columns} x {rows} at {left:g}, {top:g} exceeds the photo of {width} x {height}")
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + rows, left : left + columns] = part
    return encode_mask(mask)


def unknown_shape(name: Any, expected: str) -> Lazy:
    """Return a segmentation for a shape that cannot be an object: it raises `Unusable` with the shape's name."""

    def segmentation(width: int, height: int) -> Any:
        raise Unusable("unknown shape", f"{shortly(name)}; expected one of {expected}")

    return segmentation


def find_photo(folder: Path, names: Iterable[str]) -> str:
    """Return the first of several names that leads to a file in the folder; the first one if none does."""
    names = list(names)
    for name in names:
        try:
            if name and is_inside(name) and (folder / spelled_as_file(folder, name)).is_file():
                return name
        except (OSError, ValueError):  # for example, the name is too long
            continue
    return names[0]
