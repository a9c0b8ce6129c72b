"""JSON exports of Label Studio (https://labelstud.io/guide/export.html): a list of tasks, one for each photo.

Read are polygons, ellipses and brush masks, and rectangles as boxes without outlines. Coordinates are percentages of
the photo's sides. Of several annotations of a task, the ground truth is used, else the last; skipped (`was_cancelled`)
ones and predictions are not. A task without annotation is a photo that nobody has looked at.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from reprlib import repr as shortly
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from fmask.data.formats.brush import decode_brush
from fmask.data.formats.segmentation import Lazy
from fmask.data.formats.translation import (
    Translation,
    decimals,
    ellipse,
    find_photo,
    number,
    rotated_extents,
)
from fmask.data.paths import PHOTO_SUFFIXES, is_inside
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError

_LABELS = ("polygonlabels", "brushlabels", "rectanglelabels", "ellipselabels", "labels")
"""The types of results that are objects. Results of a type without labels repeat the outline of one with them."""
_PREFIX = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a photo that was uploaded."""
_FOLDER = "images"
"""The folder of the photos in an export that contains them."""


def is_label_studio(document: Any) -> bool:
    """Return whether a JSON document is an export of Label Studio."""
    return (
        isinstance(document, list)
        and bool(document)
        and all(isinstance(each, dict) and isinstance(each.get("data"), dict) for each in document)
        and any(isinstance(each.get(key), list) for each in document for key in ("annotations", "completions"))
    )


def read(document: list[dict[str, Any]], path: Path, folder: Path) -> Translation:
    """Read an export of Label Studio.

    Args:
        document: the parsed JSON, for which `is_label_studio` is true.
        path: the file, for error messages.
        folder: the folder that contains the photos, or their folder `images`.

    Raises:
        UserError: a task has no photo, or an annotation no list of results.
    """
    translation = Translation()
    for index, task in enumerate(document):
        place = f"{path}: task {shortly(task.get('id', index))}"
        name = find_photo(folder, _names(task, place))
        annotations = _annotations(task, place)
        results = _results(annotations, place)
        notes = [("several annotations", f"{len(annotations)}")] if len(annotations) > 1 else []
        size = next(((each.get("original_width"), each.get("original_height")) for each in results or ()), None)
        photo = translation.add_photo(name, size, unclear=results is None, notes=notes)
        for result in results or ():
            if result.get("type") in _LABELS:
                _add(translation, photo, result)
    return translation


def _names(task: Mapping[str, Any], place: str) -> Iterable[str]:
    """Return the names that a task's photo may have in its folder, most specific first."""
    for value in task["data"].values():
        if not isinstance(value, str):
            continue
        try:
            parts = urlsplit(value)
            local = parse_qs(parts.query).get("d")
        except ValueError:
            continue
        name = local[0] if local else unquote(parts.path)
        if PurePosixPath(name).suffix.lower() in PHOTO_SUFFIXES:
            last = name.replace("\\", "/").rpartition("/")[2]
            short = dict.fromkeys((last, _PREFIX.sub("", last)))
            return [*([name] if is_inside(name) else []), *short, *(f"{_FOLDER}/{each}" for each in short)]
    raise UserError(f"{place} has no photo: none of the values of its `data` is the name of a photo.")


def _annotations(task: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """Return the annotations of a task that were not skipped."""
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise UserError(f"{place} has no list of `annotations`.")
    return [each for each in annotations if each.get("was_cancelled") is not True]


def _results(annotations: list[dict[str, Any]], place: str) -> list[dict[str, Any]] | None:
    """Return the results of the annotation that is used; None if there is none."""
    if not annotations:
        return None
    used = ([each for each in annotations if each.get("ground_truth") is True] or annotations)[-1]
    results = used.get("result")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise UserError(f"{place} has an annotation without a list `result`.")
    return results


def _add(translation: Translation, photo: int, result: dict[str, Any]) -> None:
    """Add an object."""
    value = result.get("value")
    value = value if isinstance(value, dict) else {}
    labels = value.get(result["type"])
    name = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
    turned = result.get("image_rotation")
    if "rle" in value:
        translation.add_object(photo, name, _upright(turned, lambda width, height: _brush(value, width, height)))
    elif "points" in value:
        translation.add_object(photo, name, _upright(turned, lambda width, height: _polygon(value, width, height)))
    elif "radiusX" in value:
        translation.add_object(photo, name, _upright(turned, lambda width, height: _ellipse(value, width, height)))
    else:
        corners = _upright(turned, lambda width, height: _corners(value, width, height))
        translation.add_box(photo, name, corners)


def _upright(turned: Any, read: Lazy) -> Lazy:
    """Return a function that refuses regions of a photo that was turned for the annotation."""

    def checked(width: int, height: int) -> Any:
        if turned:
            raise ValueError(f"its photo was turned by {shortly(turned)} degrees in Label Studio")
        return read(width, height)

    return checked


def _polygon(value: dict[str, Any], width: int, height: int) -> list[list[Any]]:
    points = value["points"]
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("its `points` are not a list of x, y pairs")
    shares = [(number(x) / 100, number(y) / 100) for x, y in points]
    return [decimals(each for x, y in shares for each in (x * width, y * height))]


def _ellipse(value: dict[str, Any], width: int, height: int) -> list[list[Any]]:
    x, y, rx, ry = (number(value.get(key)) / 100 for key in ("x", "y", "radiusX", "radiusY"))
    return ellipse(x * width, y * height, rx * width, ry * height, number(value.get("rotation", 0)))


def _corners(value: dict[str, Any], width: int, height: int) -> tuple[float, ...]:
    """Return the box around a rectangle, which is rotated about its upper left corner."""
    x, y, across, down = (number(value.get(key)) / 100 for key in ("x", "y", "width", "height"))
    left, top = x * width, y * height
    corners = (left, top, left + across * width, top + down * height)
    return rotated_extents(corners, number(value.get("rotation", 0)), (left, top))


def _brush(value: dict[str, Any], width: int, height: int) -> Any:
    return encode_mask(decode_brush(value["rle"], width, height))
