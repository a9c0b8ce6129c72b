"""COCO's files of instances, written; `fmask.data.formats.coco` reads them and tells where their pixels lie."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

from fmask.data.formats.coco import EXACTLY, HALF
from fmask.structures.annotations import Photo, Region
from fmask.structures.detections import CLASS_NAMES

INFO = {"description": "worn face masks and hats"}
CATEGORIES = [{"id": class_id, "name": name} for class_id, name in enumerate(CLASS_NAMES, start=1)]

_NUMBERS = "numbers:"
"""Begins a text that stands for a list of numbers: Python's JSON would round those with many digits."""


def dataset(photos: Iterable[tuple[str, Photo]]) -> str:
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


def encode(mask: np.ndarray) -> dict[str, Any]:
    """A mask, bool (H, W), as compressed run lengths, ready for JSON."""
    code = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode("ascii")}


def _shape(region: Region, photo: Photo) -> dict[str, Any]:
    polygon = region.polygon + 0.5
    (code,) = rle.frPyObjects([polygon.ravel().tolist()], photo.height, photo.width)
    exact = [EXACTLY.add(Decimal(repr(value)), HALF) for value in region.polygon.ravel().tolist()]
    return {
        "segmentation": [_NUMBERS + ", ".join(map(str, exact))],
        "area": float(rle.area(code)),
        "bbox": [*polygon.min(axis=0).tolist(), *np.ptp(polygon, axis=0).tolist()],
    }
