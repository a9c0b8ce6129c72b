"""COCO files of instances (https://cocodataset.org/#format-data): reading them, writing them, and result lists.

Coordinates: in COCO files, pixel edges lie at whole numbers. In this program, the point (x, y) is the centre of column
x, row y, so it is (x + 0.5, y + 0.5) in a COCO file. The half is added and subtracted in decimal, as the file writes
numbers, so that a polygon survives writing and reading to the last digit. Masks differ only on the outline: a pixel
whose centre lies on it is inside for this program, and for COCO's tools on some sides only.

Crowds: an annotation with `iscrowd` 1 is a region to ignore. Crowds of several classes with the same outline are one
region without a label.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from functools import partial
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np
import shapely
from faster_coco_eval.core import mask as rle

from fmask.data.polygons import MAX_POINTS, check_outline, check_outlines, join, trace
from fmask.structures.annotations import Photo, PhotoEntry, Region, RegionEntry, Unusable
from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError

HALF = Decimal("0.5")
EXACT = Context(prec=400)
"""Enough decimal places to add a half to any double without rounding."""
EDGE = 0.5
"""Distance that COCO outlines may reach beyond the centres of a photo's outermost pixels: to the pixels' edges."""

INFO = {"description": "worn face masks and hats"}
"""The `info` of written files."""
CATEGORIES = [{"id": class_id, "name": name} for class_id, name in enumerate(CLASS_NAMES, start=1)]
"""The `categories` of written files."""

_NUMBERS = "numbers:"
"""Prefix of a string that stands for a list of numbers: Python's JSON would round those with many digits."""


def is_coco(document: Any) -> bool:
    """Return whether a JSON document has the lists `images` and `annotations` of a COCO file."""
    return isinstance(document, dict) and all(isinstance(document.get(key), list) for key in ("images", "annotations"))


def read_entries(document: dict[str, Any], path: Path, categories: Mapping[str, str]) -> list[PhotoEntry]:
    """Return the photos of a COCO file, in file order, with their annotations.

    Several polygons of one annotation, or the parts and holes of its run-length encoded mask, become one outline by
    `fmask.data.polygons.join`.

    Args:
        document: the parsed JSON, for which `is_coco` is true, with fractions as `Decimal`.
        path: the file, for error messages.
        categories: maps a category of the file to one of `CLASS_NAMES`, or to "" to leave out its objects. Categories
            that are named like one of `CLASS_NAMES` need not be mapped.

    Raises:
        UserError: there are objects of an unknown, unmapped category, or the document does not have the structure of a
            COCO file.
    """
    labels = _labels(document, path, categories)
    objects: dict[Any, list[dict[str, Any]]] = {}
    for number, image in enumerate(document["images"]):
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            raise UserError(f"{path}: entry {number} of `images` has no `id` or no `file_name`.")
        if image["id"] in objects:
            raise UserError(f"{path}: two entries of `images` have the id {shortly(image['id'])}.")
        objects[image["id"]] = []
    for number, annotation in enumerate(document["annotations"]):
        if not _is_id(annotation.get("image_id")) or annotation["image_id"] not in objects:
            raise UserError(f"{path}: entry {number} of `annotations` has an `image_id` that is not among `images`.")
        objects[annotation["image_id"]].append(annotation)
    return [
        PhotoEntry(image["file_name"], _regions(objects[image["id"]], labels), _size(image), EDGE)
        for image in document["images"]
    ]


def dataset_text(photos: Iterable[tuple[str, Photo]]) -> str:
    """Return annotated photos as the text of a COCO file with one polygon per region.

    A region without a label becomes one crowd annotation for each class. `area` is the area, in pixels, of the mask
    that COCO's tools draw from the polygon; `bbox` is the box around the polygon.

    Args:
        photos: pairs of `file_name` and photo.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, photo in photos:
        images.append(image_entry(len(images) + 1, name, photo.width, photo.height))
        for region in photo.regions:
            for label in [region.label] if region.label else CLASS_NAMES:
                annotation = {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": 1 + CLASS_NAMES.index(label),
                    **_shape(region, photo),
                    "iscrowd": int(region.ignore),
                }
                annotations.append(annotation)
    return as_text(images, annotations)


def as_text(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> str:
    """Return the text of a COCO file with these entries of `images` and `annotations`."""
    head = json.dumps({"info": INFO, "images": images, "categories": CATEGORIES})
    # Safe: names chosen by users are only in `head`.
    tail = re.sub(rf'"{_NUMBERS}([-+.,E\d ]*)"', r"[\1]", json.dumps(annotations))
    return f'{head[:-1]}, "annotations": {tail}}}'


def image_entry(image_id: int, name: str, width: int, height: int) -> dict[str, Any]:
    """Return an entry of `images`."""
    return {"id": image_id, "file_name": name, "width": width, "height": height}


def results_of(found: Detections, image_id: Any, category_ids: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a photo's detections as entries of a COCO result list.

    Boxes are x, y, width, height; masks are compressed run lengths.

    Args:
        found: the detections.
        image_id: the photo's `image_id` in the result list.
        category_ids: the `category_id` of each detection.
    """
    return [
        {
            "image_id": image_id,
            "category_id": category_id,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
            "segmentation": encode_mask(mask),
        }
        for category_id, (y1, x1, y2, x2), score, mask in zip(
            category_ids, found.boxes.tolist(), found.scores.tolist(), found.masks, strict=True
        )
    ]


def _labels(document: dict[str, Any], path: Path, categories: Mapping[str, str]) -> dict[Any, str]:
    """Return the label, or "" for objects to leave out, of each category id that has objects."""
    names: dict[Any, str] = {}
    listed = document.get("categories")
    for number, category in enumerate(listed if isinstance(listed, list) else []):
        if (
            not isinstance(category, dict)
            or not _is_id(category.get("id"))
            or not isinstance(category.get("name"), str)
        ):
            raise UserError(f"{path}: entry {number} of `categories` has no `id` or no `name`.")
        names[category["id"]] = category["name"]
    if absent := set(categories) - set(names.values()):
        raise UserError(f"{path} has no category {_quoted(absent)}; it has {_quoted(names.values())}.")
    labels: dict[Any, str] = {}
    for number, annotation in enumerate(document["annotations"]):
        key = annotation.get("category_id") if isinstance(annotation, dict) else None
        if not _is_id(key) or key not in names:
            raise UserError(f"{path}: entry {number} of `annotations` has a `category_id` not among `categories`.")
        labels[key] = categories.get(names[key], names[key].strip().lower())
    if unknown := {names[key] for key, label in labels.items() if label not in (*CLASS_NAMES, "")}:
        first = min(unknown)
        name = first if first.isprintable() and len(first) < 60 else "NAME"
        raise UserError(
            f"{path} has objects of the unknown categories {_quoted(unknown)}: map each to one of "
            f'{_quoted(CLASS_NAMES)}, as in --category "{name}=hat", or leave it out by --category "{name}=".'
        )
    return labels


def _regions(annotations: list[dict[str, Any]], labels: dict[Any, str]) -> list[RegionEntry]:
    """Return a photo's regions; consecutive crowds with the same outline become one region without a label."""
    regions: list[RegionEntry] = []
    previous: dict[str, Any] = {}
    for annotation in annotations:
        label, crowd = labels[annotation["category_id"]], bool(annotation.get("iscrowd"))
        segmentation = annotation.get("segmentation")
        if crowd and previous.get("iscrowd") and segmentation and segmentation == previous.get("segmentation"):
            regions[-1] = RegionEntry(None, True, regions[-1].outline)
        elif label:
            regions.append(RegionEntry(label, crowd, partial(_outline, segmentation)))
        previous = annotation if label else {}
    return regions


def _outline(segmentation: Any, width: int, height: int) -> np.ndarray:
    """Return an annotation's outline (n, 2) in a photo of the given size; n is 0 for an empty list of polygons."""
    try:
        if isinstance(segmentation, dict):
            rings = _trace(_decode(segmentation, width, height))
            if not rings:
                raise Unusable("no area", "its mask is empty")
        elif isinstance(segmentation, list):
            rings = _rings([_points(part) for part in segmentation])
        else:
            raise Unusable("bad coordinates", "its `segmentation` is neither polygons nor run lengths")
        check_outlines(rings)
        return check_outline(join(rings)) if rings else np.zeros((0, 2))
    except ValueError as error:
        raise Unusable("bad coordinates", str(error)) from error


def _points(part: Any) -> np.ndarray:
    """Return a COCO polygon as points (n, 2) in this program's coordinates."""
    if not isinstance(part, list) or len(part) % 2:
        raise ValueError("a polygon of its `segmentation` is not a list of x, y pairs")
    for value in part:
        if type(value) not in (int, Decimal) or not -(10**7) < value < 10**7:  # abs() would round a Decimal first
            raise ValueError(f"{shortly(value)} is not a number of pixels between -1e7 and 1e7")
    numbers = [float(EXACT.subtract(Decimal(value), HALF)) for value in part]
    return check_outline(np.array(numbers, dtype=np.float64).reshape(-1, 2))


def _rings(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Return outlines that, filled by the even-odd rule, cover the union of the parts; one part stays unchanged."""
    parts = [part for part in parts if len(part) >= 3] or parts[:1]
    if len(parts) <= 1:
        return parts
    check_outlines(parts)
    union = shapely.union_all([shapely.make_valid(shapely.Polygon(part)) for part in parts])
    areas = [part for part in shapely.get_parts(union) if part.geom_type == "Polygon"]
    return [shapely.get_coordinates(ring)[:-1] for area in areas for ring in (area.exterior, *area.interiors)]


def _decode(segmentation: dict[str, Any], width: int, height: int) -> np.ndarray:
    """Decode run lengths, compressed or not, to a mask: bool (height, width)."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"its mask has the size {shortly(size)}, but the photo has [{height}, {width}]")
    if isinstance(counts, list) and not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("its run lengths are not integers of at least 0")
    try:
        code = rle.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
        return rle.decode(code).astype(bool)
    except (ValueError, RuntimeError, TypeError, KeyError) as error:  # the C++ library raises any of these
        raise ValueError("its run lengths cannot be decoded") from error


def _trace(mask: np.ndarray) -> list[np.ndarray]:
    """Trace a mask whose outlines are not too long."""
    length = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    if length > 4 * MAX_POINTS:  # tracing takes time for each pixel, even if few points remain
        raise ValueError(f"its mask's outlines are {length} pixels long; at most {4 * MAX_POINTS} are allowed")
    return trace(mask)


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    """Return width and height of an entry of `images`, or None if it does not contain both."""
    size = (image.get("width"), image.get("height"))
    return size if all(type(side) is int for side in size) else None  # type: ignore[return-value]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _quoted(names: Any) -> str:
    """Return the sorted names in quotes, at most ten of them."""
    quoted = [shortly(name) for name in sorted(names)]
    return ", ".join(quoted[:10]) + (f" and {len(quoted) - 10} more" if len(quoted) > 10 else "")


def _shape(region: Region, photo: Photo) -> dict[str, Any]:
    """Return `segmentation`, `area` and `bbox` of a region."""
    polygon = region.polygon + 0.5
    (code,) = rle.frPyObjects([polygon.ravel().tolist()], photo.height, photo.width)
    exact = [EXACT.add(Decimal(repr(value)), HALF) for value in region.polygon.ravel().tolist()]
    return {
        "segmentation": [_NUMBERS + ", ".join(map(str, exact))],
        "area": float(rle.area(code)),
        "bbox": [*polygon.min(axis=0).tolist(), *np.ptp(polygon, axis=0).tolist()],
    }
