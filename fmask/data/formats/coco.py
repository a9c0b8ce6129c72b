"""COCO's files of instances, read (https://cocodataset.org/#format-data); `fmask.data.coco_writing` writes them.

Pixels' edges lie at whole numbers there, while our points (x, y) are the centre of column x, row y: what is (x, y) here
is (x + 0.5, y + 0.5) there. The half is added and taken away in decimal, as the file has its numbers, so that a polygon
comes back the same to the last digit. Masks differ on the outline alone: a pixel whose centre lies on it is inside for
us, and for COCO's tools on some sides only.

A crowd (`iscrowd` 1) is a region to ignore; one outline that is a crowd of several classes is a region without a label.
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
EXACTLY = Context(prec=400)
"""Decimal places enough for any double beside a half."""
EDGE = 0.5
"""How far beyond the centres of a photo's outermost pixels COCO's outlines may reach: to the pixels' edges."""


INFO = {"description": "worn face masks and hats"}

CATEGORIES = [{"id": class_id, "name": name} for class_id, name in enumerate(CLASS_NAMES, start=1)]

_NUMBERS = "numbers:"
"""Begins a text that stands for a list of numbers: Python's JSON would round those with many digits."""


def is_coco(document: Any) -> bool:
    """Whether a JSON document is one of COCO's data sets."""
    return isinstance(document, dict) and all(isinstance(document.get(key), list) for key in ("images", "annotations"))


def read_entries(document: dict[str, Any], path: Path, categories: Mapping[str, str]) -> list[PhotoEntry]:
    """The photos of a COCO file, in order, with what is annotated in them.

    Several polygons of one annotation, and the parts and holes of its run-length encoding, become one outline by
    `fmask.data.polygons.join`.

    Args:
        document: what is in the file, which `is_coco`, its fractions as `Decimal`.
        path: the file, for messages.
        categories: a category of the file to one of `CLASS_NAMES`, or to "" to leave its objects out. Those that have
            our names need not be in it.

    Raises:
        UserError: objects are of a category without a name of ours, or the document is not built as COCO's are.
    """
    labels = _labels(document, path, categories)
    objects: dict[Any, list[dict[str, Any]]] = {}
    for number, image in enumerate(document["images"]):
        if not isinstance(image, dict) or not _is_id(image.get("id")) or not isinstance(image.get("file_name"), str):
            raise UserError(f"{path}: entry {number} of `images` has no `id` or no `file_name`.")
        if image["id"] in objects:
            raise UserError(f"{path}: two of `images` have the id {shortly(image['id'])}.")
        objects[image["id"]] = []
    for number, annotation in enumerate(document["annotations"]):
        if not _is_id(annotation.get("image_id")) or annotation["image_id"] not in objects:
            raise UserError(f"{path}: entry {number} of `annotations` has an `image_id` that is not among `images`.")
        objects[annotation["image_id"]].append(annotation)
    return [
        PhotoEntry(image["file_name"], _regions(objects[image["id"]], labels), _size(image), EDGE)
        for image in document["images"]
    ]


def _labels(document: dict[str, Any], path: Path, categories: Mapping[str, str]) -> dict[Any, str]:
    """Category id to one of `CLASS_NAMES`, or to "" for what is left out; of all categories that have objects."""
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
    if strange := set(categories) - set(names.values()):
        raise UserError(f"{path} has no category {_quoted(strange)}; it has {_quoted(names.values())}.")
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
            f"{path} has objects of the categories {_quoted(unknown)}; known are {_quoted(CLASS_NAMES)}: "
            f'say what each is, as in --category "{name}=hat", or leave it out by --category "{name}=".'
        )
    return labels


def _regions(annotations: list[dict[str, Any]], labels: dict[Any, str]) -> list[RegionEntry]:
    """One photo's regions; adjacent crowds of one outline become one without a label."""
    regions: list[RegionEntry] = []
    before: dict[str, Any] = {}
    for annotation in annotations:
        label, crowd = labels[annotation["category_id"]], bool(annotation.get("iscrowd"))
        segmentation = annotation.get("segmentation")
        if crowd and before.get("iscrowd") and segmentation and segmentation == before.get("segmentation"):
            regions[-1] = RegionEntry(None, True, regions[-1].outline)
        elif label:
            regions.append(RegionEntry(label, crowd, partial(_outline, segmentation)))
        before = annotation if label else {}
    return regions


def _outline(segmentation: Any, width: int, height: int) -> np.ndarray:
    try:
        if isinstance(segmentation, dict):
            rings = _traced(_decode(segmentation, width, height))
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
    """A polygon of COCO's, (n, 2), with our coordinates."""
    if not isinstance(part, list) or len(part) % 2:
        raise ValueError("a polygon of its `segmentation` is no list of as many x as y")
    for value in part:
        if type(value) not in (int, Decimal) or not -(10**7) < value < 10**7:  # abs() would round first
            raise ValueError(f"{shortly(value)} stands where a number of pixels belongs")
    numbers = [float(EXACTLY.subtract(Decimal(value), HALF)) for value in part]
    return check_outline(np.array(numbers, dtype=np.float64).reshape(-1, 2))


def _rings(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Outlines that the even-odd rule fills with what the parts cover together; a part alone is left as it is."""
    parts = [part for part in parts if len(part) >= 3] or parts[:1]
    if len(parts) <= 1:
        return parts
    check_outlines(parts)
    union = shapely.union_all([shapely.make_valid(shapely.Polygon(part)) for part in parts])
    areas = [part for part in shapely.get_parts(union) if part.geom_type == "Polygon"]
    return [shapely.get_coordinates(ring)[:-1] for area in areas for ring in (area.exterior, *area.interiors)]


def _decode(segmentation: dict[str, Any], width: int, height: int) -> np.ndarray:
    """A mask, bool (height, width), from run lengths, compressed or not."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise ValueError(f"its mask's size is {shortly(size)}, the photo's [{height}, {width}]")
    if isinstance(counts, list) and not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("its run lengths are no whole numbers")
    try:
        code = rle.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation
        return rle.decode(code).astype(bool)
    except (ValueError, RuntimeError, TypeError, KeyError) as error:  # as the C++ beneath sees fit
        raise ValueError("its run lengths cannot be decoded") from error


def _traced(mask: np.ndarray) -> list[np.ndarray]:
    length = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    if length > 4 * MAX_POINTS:  # tracing takes time for every one, even where few points are left in the end
        raise ValueError(f"its mask's outlines are {length} pixels long, where {4 * MAX_POINTS} are the most")
    return trace(mask)


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    size = (image.get("width"), image.get("height"))
    return size if all(type(side) is int for side in size) else None  # type: ignore[return-value]


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str)


def _quoted(names: Any) -> str:
    first = [shortly(name) for name in sorted(names)]
    return ", ".join(first[:10]) + (f" and {len(first) - 10} more" if len(first) > 10 else "")


def results_of(found: Detections, image_id: Any, category_ids: Sequence[Any]) -> list[dict[str, Any]]:
    """Detections as the COCO API's results: boxes x, y, width, height; masks as compressed run lengths."""
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


def dataset_text(photos: Iterable[tuple[str, Photo]]) -> str:
    """Photos, each after its `file_name`, as the text of a COCO file of one polygon a region.

    A region without a label is a crowd of every class, annotated once for each. `area` is that of the mask which COCO's
    tools make of the polygon, in pixels; `bbox` goes around the polygon.
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
    """A whole file."""
    head = json.dumps({"info": INFO, "images": images, "categories": CATEGORIES})
    tail = re.sub(rf'"{_NUMBERS}([-+.,E\d ]*)"', r"[\1]", json.dumps(annotations))  # where nobody's words are
    return f'{head[:-1]}, "annotations": {tail}}}'


def image_entry(image_id: int, name: str, width: int, height: int) -> dict[str, Any]:
    """An entry of `images`."""
    return {"id": image_id, "file_name": name, "width": width, "height": height}


def _shape(region: Region, photo: Photo) -> dict[str, Any]:
    polygon = region.polygon + 0.5
    (code,) = rle.frPyObjects([polygon.ravel().tolist()], photo.height, photo.width)
    exact = [EXACTLY.add(Decimal(repr(value)), HALF) for value in region.polygon.ravel().tolist()]
    return {
        "segmentation": [_NUMBERS + ", ".join(map(str, exact))],
        "area": float(rle.area(code)),
        "bbox": [*polygon.min(axis=0).tolist(), *np.ptp(polygon, axis=0).tolist()],
    }
