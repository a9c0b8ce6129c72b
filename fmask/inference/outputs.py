"""Detections as data: a table, a COCO file, a COCO results list, or a VIA export that a person can correct.

Photos are named by their paths below the folder that holds them all (`common_folder`), in a table as they were given.
"""

import csv
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Protocol

import numpy as np

from fmask.data.formats import coco, via
from fmask.data.formats.coco import results_of
from fmask.data.paths import relative_name
from fmask.data.polygons import join, trace
from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.utils.errors import UserError

COLUMNS = ["photo", "class", "score", "y1", "x1", "y2", "x2", "area"]
SPECK = 0.01
"""Parts of a mask, and holes in it, that are smaller than this share of its largest part are not worth correcting."""
STRAY = 0.02
"""How far an outline may stray from its mask, as a share of the mask's size (the root of its area).

Measured on 98 detections in the study's photos: a median of 20 points, 44 at most, and an IoU with the mask of 0.98 in
the median, 0.96 at least; at 0.005 the median is 72 points, at 0.03 the worst IoU 0.956.
"""


class DetectionWriter(Protocol):
    """Takes the detections of one photo after the other, and then is a text."""

    def add(self, photo: Path, found: Detections) -> None:
        """Adds a photo, whether anything was found in it or not."""

    def text(self) -> str:
        """The whole file."""


class CsvWriter:
    """A line a detection: box in pixels, ends exclusive; area of the mask in pixels."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._lines = csv.writer(self._text, lineterminator="\n")
        self._lines.writerow(COLUMNS)

    def add(self, photo: Path, found: Detections) -> None:
        areas = np.count_nonzero(found.masks, axis=(1, 2)).tolist()
        for label, score, box, area in zip(_labels(found), found.scores, found.boxes, areas, strict=True):
            self._lines.writerow([photo, label, f"{score:.4f}", *(f"{side:g}" for side in box), area])

    def text(self) -> str:
        return self._text.getvalue()


class CocoDatasetWriter:
    """A COCO file of the photos whose annotations are the detections, each with its `score`.

    It opens wherever annotations do; its `annotations` alone are a results list with ids of its own.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, photo: Path, found: Detections) -> None:
        image_id = len(self._images) + 1
        height, width = found.masks.shape[1:]
        self._images.append(coco.image_entry(image_id, relative_name(self._folder, photo), width, height))
        areas = np.count_nonzero(found.masks, axis=(1, 2)).tolist()
        for result, area in zip(results_of(found, image_id, found.class_ids.tolist()), areas, strict=True):
            self._annotations.append({"id": len(self._annotations) + 1, **result, "area": float(area), "iscrowd": 0})

    def text(self) -> str:
        return coco.as_text(self._images, self._annotations)


class CocoResultsWriter:
    """The results list that `COCO(ground_truth).loadRes` takes, with the ids of that file's images and categories.

    An image is the photo whose path ends with its `file_name`, the longest where several do; else the only one that is
    called like the photo, in whatever folder.

    Raises:
        UserError: the file is none of COCO's, or does not list one of our classes, or one of the photos, or it cannot
            be told which of its images a photo is.
    """

    def __init__(self, folder: Path, photos: Sequence[Path], ground_truth: Path) -> None:
        document = _read(ground_truth)
        ids = {PurePath(str(each["file_name"])): each["id"] for each in document["images"]}
        called: dict[str, list[PurePath]] = {}
        for image in ids:
            called.setdefault(image.name, []).append(image)
        classes = {str(each["name"]).strip().lower(): each["id"] for each in document.get("categories", [])}
        self._results: list[dict[str, Any]] = []
        self._image_ids, self._category_ids = {}, [0]
        chosen: dict[PurePath, Path] = {}
        for photo in dict.fromkeys(photos):
            parts = (photo.parent.resolve() / photo.name).parts
            ends = [end for start in range(len(parts)) if (end := PurePath(*parts[start:])) in ids]
            if not (fitting := ends[:1] or called.get(photo.name, [])):
                name = relative_name(folder, photo)
                raise UserError(f"{ground_truth} lists {len(ids)} images, but no {name} among them.")
            image, *others = fitting
            if others:
                raise UserError(f"{ground_truth} lists {image} and {others[0]}; which of them is {photo} is not clear.")
            if image in chosen:
                raise UserError(f"{ground_truth} lists {image} once, but both {chosen[image]} and {photo} could be it.")
            chosen[image] = photo
            self._image_ids[photo] = ids[image]
        for label in CLASS_NAMES:
            if label not in classes:
                raise UserError(f"{ground_truth} has no category {label!r}; it has {', '.join(map(repr, classes))}.")
            self._category_ids.append(classes[label])

    def add(self, photo: Path, found: Detections) -> None:
        category_ids = [self._category_ids[class_id] for class_id in found.class_ids]
        self._results += results_of(found, self._image_ids[photo], category_ids)

    def text(self) -> str:
        return json.dumps(self._results)


class ViaWriter:
    """A VIA 2.x export of one polygon a detection, with the attributes `fmask` and `score`.

    Several parts of a mask, and holes in it, are joined to one polygon by bridges without width, but for specks
    (`SPECK`), and simplified (`STRAY`), to have few enough points to drag.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Any] = {}

    def add(self, photo: Path, found: Detections) -> None:
        regions = []
        for label, score, mask in zip(_labels(found), found.scores, found.masks, strict=True):
            tolerance = STRAY * np.sqrt(np.count_nonzero(mask))
            if outlines := trace(mask, tolerance, SPECK):
                regions.append(via.region_entry(join(outlines), {"fmask": label, "score": f"{score:.3f}"}))
        self._entries |= via.photo_entry(photo, relative_name(self._folder, photo), regions)

    def text(self) -> str:
        return json.dumps(self._entries)


def open_writer(format: str, photos: Sequence[Path], ground_truth: Path | None = None) -> DetectionWriter:
    """An empty export of the photos: `csv`, `coco` (a results list for `ground_truth`, if there is one) or `via`.

    Raises:
        UserError: see `CocoResultsWriter`.
    """
    folder = common_folder(photos)
    if format == "csv":
        return CsvWriter()
    if format == "via":
        return ViaWriter(folder)
    return CocoResultsWriter(folder, photos, ground_truth) if ground_truth else CocoDatasetWriter(folder)


def common_folder(photos: Sequence[Path]) -> Path:
    """The innermost folder that holds all photos."""
    return Path(os.path.commonpath([photo.parent.resolve() for photo in photos]))


def _labels(found: Detections) -> list[str]:
    return [CLASS_NAMES[class_id - 1] for class_id in found.class_ids]


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        for key, name in (("images", "file_name"), ("categories", "name")):
            _ = [(each["id"], each[name]) for each in document[key]]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is no COCO file with images and categories: {error}.") from error
    return document
