"""COCO files of instances (https://cocodataset.org/#format-data): reading them, writing them, and result lists.

Coordinates: in COCO files, pixel edges lie at whole numbers. In this program, the point (x, y) is the centre of column
x, row y, so it is (x + 0.5, y + 0.5) in a COCO file. The half is added and subtracted in decimal, as the file writes
numbers, so that a polygon survives writing and reading to the last digit.

Outlines are what a network is trained on. What scores need is read as COCO's tools read it (`CocoObject`), so that
average precision is theirs: masks differ on the outline, and the `bbox` of a file need not be the box of the mask.

Crowds: an annotation with `iscrowd` 1 is a region to ignore. Average precision applies it to its own class, as COCO's
tools do. Consecutive crowds of different classes with the same outline are one region. It has the label under the key
`fmask` of the annotations, which COCO's tools do not read, or none. A region to ignore is written as such crowds of
every class.

Boxes: an annotation with a `bbox`, and without a `segmentation` or with one that has no polygon, is an object of which
only the box is annotated.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from reprlib import repr as shortly
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

from fmask.data.formats.coco_numbers import with_plain_numbers
from fmask.data.formats.names import NoSuchCategory, quoted
from fmask.data.formats.segmentation import (
    EXACT,
    HALF,
    annotation_to_object,
    box_to_segmentation,
    has_outline,
    segmentation_to_outline,
)
from fmask.structures.annotations import CocoObject, Photo, PhotoEntry, Region, RegionEntry
from fmask.structures.detections import EncodedDetections
from fmask.utils.errors import UserError

EDGE = 0.5
"""Distance that COCO outlines may reach beyond the centres of a photo's outermost pixels: to the pixels' edges."""

INFO = {"description": "written by fmask"}
"""The `info` of written files."""
LABEL = "fmask"
"""The key of a crowd annotation for the label of its region, which has crowds of every class."""

_NUMBERS = "numbers:"
"""Prefix of a string that stands for a list of numbers: Python's JSON would round those with many digits."""


def is_coco(document: Any) -> bool:
    """Return whether a JSON document has the lists `images` and `annotations` of a COCO file."""
    return isinstance(document, dict) and all(isinstance(document.get(key), list) for key in ("images", "annotations"))


def read_entries(document: dict[str, Any], path: Path, categories: Mapping[str, str | None]) -> list[PhotoEntry]:
    """Return the photos of a COCO file, in file order, with their annotations.

    Several polygons of one annotation, or the parts and holes of its run-length encoded mask, become one outline by
    `fmask.data.polygons.join`.

    Args:
        document: the parsed JSON, for which `is_coco` is true, with fractions as `Decimal`.
        path: the file, for error messages.
        categories: maps a category of the file to a class, or to None to leave out its objects. The names of other
            categories are labels.

    Raises:
        NoSuchCategory: `categories` has a category that the file does not list.
        UserError: the document does not have the structure of a COCO file.
    """
    document = with_plain_numbers(document, path)
    labels = _labels(document, path, categories)
    objects: dict[Any, list[dict[str, Any]]] = {}
    for number, image in enumerate(document["images"]):
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            raise UserError(f"{path}: entry {number} of `images` has no `id` or no `file_name`.")
        if image["id"] in objects:
            raise UserError(f"{path}: two entries of `images` have the id {shortly(image['id'])}.")
        objects[image["id"]] = []
    image_ids = _by_text(objects)
    for number, annotation in enumerate(document["annotations"]):
        image_id = _find_id(annotation.get("image_id"), image_ids)
        if image_id is None:
            raise UserError(f"{path}: entry {number} of `annotations` has an `image_id` that is not among `images`.")
        objects[image_id].append(annotation)
    entries = []
    for image in document["images"]:
        regions, image_id = _regions(objects[image["id"]], labels), image["id"]
        empty = all(region.left_out for region in regions)
        entries.append(PhotoEntry(image["file_name"], regions, _size(image), EDGE, image_id=image_id, empty=empty))
    return entries


def dataset_text(photos: Iterable[tuple[str, Photo]], classes: Sequence[str]) -> str:
    """Return annotated photos as the text of a COCO file with one polygon per region.

    A region to ignore becomes one crowd annotation for each class. `area` is the area, in pixels, of the mask
    that COCO's tools draw from the polygon; `bbox` is the box around the polygon.

    Args:
        photos: pairs of `file_name` and photo.
        classes: the class names, in the order of their ids.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for name, photo in photos:
        images.append(image_entry(len(images) + 1, name, photo.width, photo.height))
        for region in photo.regions:
            kept = {LABEL: region.label} if region.ignore and region.label else {}
            for label in classes if region.ignore or not region.label else [region.label]:
                annotation = {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": 1 + classes.index(label),
                    **_shape(region, photo),
                    "iscrowd": int(region.ignore),
                    **kept,
                }
                annotations.append(annotation)
    return as_text(images, annotations, classes)


def as_text(images: list[dict[str, Any]], annotations: list[dict[str, Any]], classes: Sequence[str]) -> str:
    """Return the text of a COCO file with these entries of `images` and `annotations`, and a category for each class.

    The id of a category is the id of its class.
    """
    categories = [{"id": class_id, "name": name} for class_id, name in enumerate(classes, start=1)]
    head = json.dumps({"info": INFO, "images": images, "categories": categories})
    # Safe: names chosen by users are only in `head`.
    tail = re.sub(rf'"{_NUMBERS}([-+.,E\d ]*)"', r"[\1]", json.dumps(annotations))
    return f'{head[:-1]}, "annotations": {tail}}}'


def image_entry(image_id: int, name: str, width: int, height: int) -> dict[str, Any]:
    """Return an entry of `images`."""
    return {"id": image_id, "file_name": name, "width": width, "height": height}


def results_of(found: EncodedDetections, image_id: Any, category_ids: Sequence[Any]) -> list[dict[str, Any]]:
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
            "segmentation": mask,
        }
        for category_id, (y1, x1, y2, x2), score, mask in zip(
            category_ids, found.boxes.tolist(), found.scores.tolist(), found.masks, strict=True
        )
    ]


def _labels(document: dict[str, Any], path: Path, categories: Mapping[str, str | None]) -> dict[Any, tuple[str, bool]]:
    """Return the label of each `category_id` of the annotations, and whether its objects are left out."""
    names: dict[Any, str] = {}
    renamed: dict[Any, str] = {}
    listed = document.get("categories")
    for number, category in enumerate(listed if isinstance(listed, list) else []):
        if (
            not isinstance(category, dict)
            or not _is_id(category.get("id"))
            or not isinstance(category.get("name"), str)
        ):
            raise UserError(f"{path}: entry {number} of `categories` has no `id` or no `name`.")
        if names.setdefault(category["id"], category["name"]) != category["name"]:
            renamed[category["id"]] = category["name"]
    if absent := set(categories) - set(names.values()):
        message = f"{path} has no category {quoted(absent)}; it has {quoted(set(names.values()))}."
        raise NoSuchCategory(message, absent)
    category_ids = _by_text(names)
    labels: dict[Any, tuple[str, bool]] = {}
    for number, annotation in enumerate(document["annotations"]):
        key = _find_id(annotation.get("category_id"), category_ids) if isinstance(annotation, dict) else None
        if key is None:
            raise UserError(f"{path}: entry {number} of `annotations` has a `category_id` not among `categories`.")
        if key in renamed:
            two = f"{shortly(names[key])} and {shortly(renamed[key])}"
            raise UserError(f"{path}: two entries of `categories` have the id {shortly(key)}, {two}.")
        label = categories.get(names[key], names[key].strip())
        labels[annotation["category_id"]] = (names[key].strip() if label is None else label, label is None)
    return labels


def _regions(annotations: list[dict[str, Any]], labels: dict[Any, tuple[str, bool]]) -> list[RegionEntry]:
    """Return a photo's regions; consecutive crowds of different classes with the same outline become one region."""
    regions: list[RegionEntry] = []
    previous: tuple[Any, Any] | None = None
    merged: dict[Any, str] = {}
    last = -1  # the region that further crowds with the same outline are merged into
    for annotation in annotations:
        category_id, crowd, kept = annotation["category_id"], bool(annotation.get("iscrowd")), annotation.get(LABEL)
        label, left_out = labels[category_id]
        segmentation = annotation.get("segmentation")
        if left_out:
            regions.append(RegionEntry(label, crowd, partial(segmentation_to_outline, segmentation), left_out=True))
            continue
        box = None if has_outline(segmentation) else box_to_segmentation(annotation.get("bbox"))
        if box:
            segmentation = box
            annotation = annotation | {"segmentation": box}
        if crowd and segmentation and previous == (segmentation, kept) and category_id not in merged:
            merged[category_id] = label
            whole = _object(annotation, tuple(merged.values()))
            regions[last] = replace(regions[last], label=kept if isinstance(kept, str) else None, coco=whole)
            continue
        coco = _object(annotation, (label,) if crowd else ()) if label else None
        outline = partial(segmentation_to_outline, segmentation)
        regions.append(RegionEntry(label, crowd, outline, coco=coco, box_only=bool(box)))
        previous, merged, last = ((segmentation, kept) if crowd else None), {category_id: label}, len(regions) - 1
    return regions


def _object(annotation: dict[str, Any], crowd_of: tuple[str, ...]) -> Callable[[int, int], CocoObject]:
    return partial(annotation_to_object, annotation, crowd_of)


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    """Return width and height of an entry of `images`, or None if it does not contain both."""
    size = (image.get("width"), image.get("height"))
    return size if all(type(side) is int for side in size) else None  # type: ignore[return-value]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _by_text(ids: Iterable[Any]) -> dict[Any, Any]:
    """Return the ids, each under itself and under its text: VIA writes 3 as the id of a photo, and "3" to refer to it.

    An id that is text comes before the text of a number.
    """
    exact = {each: each for each in ids}
    return {str(each): each for each in exact} | exact


def _find_id(value: Any, ids: dict[Any, Any]) -> Any:
    """Return the id in the result of `_by_text` that a value refers to, or None."""
    return ids.get(value, ids.get(str(value))) if _is_id(value) else None


def _shape(region: Region, photo: Photo) -> dict[str, Any]:
    """Return `segmentation`, `area` and `bbox` of a region; the segmentation is empty if only the box is annotated."""
    polygon = region.polygon + 0.5
    bbox = [*polygon.min(axis=0).tolist(), *np.ptp(polygon, axis=0).tolist()]
    if region.box_only and not region.ignore:
        return {"segmentation": [], "area": bbox[2] * bbox[3], "bbox": bbox}
    (code,) = rle.frPyObjects([polygon.ravel().tolist()], photo.height, photo.width)
    exact = [EXACT.add(Decimal(repr(value)), HALF) for value in region.polygon.ravel().tolist()]
    return {
        "segmentation": [_NUMBERS + ", ".join(map(str, exact))],
        "area": float(rle.area(code)),
        "bbox": bbox,
    }
