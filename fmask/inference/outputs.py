"""Output files of detections: a CSV table, a COCO data set, a COCO results list, or a VIA project to correct by hand.

A CSV table names photos by the given paths, the other formats by their paths relative to `common_folder`.
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
from fmask.structures.classes import key_of
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError

COLUMNS = ["photo", "class", "score", "y1", "x1", "y2", "x2", "area"]
PROBABILITY = "probability"
"""One more column of the CSV table, if the network's scores are calibrated."""
SPECK = 0.01
"""Parts of a mask and holes in it are dropped from VIA polygons if smaller than this share of the largest part."""
TOLERANCE = 0.02
"""Largest distance of a simplified VIA polygon from the mask's outline, as a share of the square root of its area.

On 98 detections in the study's photos, polygons have a median of 20 points (maximum 44) and a median IoU of 0.98 with
the mask (minimum 0.96). At 0.005 the median is 72 points; at 0.03 the minimum IoU is 0.956.
"""


class DetectionWriter(Protocol):
    """Collects the detections of photos, and returns the content of the file."""

    def add(self, photo: Path, found: Detections) -> None:
        """Add a photo, with or without detections."""

    def text(self) -> str:
        """Return the content of the file."""


class CsvWriter:
    """A CSV table with a row for each detection: the box in pixels, ends exclusive, and the mask's area in pixels.

    The last column has the probability of being right, if the scores are calibrated.
    """

    def __init__(self, calibrated: bool = False) -> None:
        self._text = io.StringIO()
        self._lines = csv.writer(self._text, lineterminator="\n")
        self._lines.writerow([*COLUMNS, *([PROBABILITY] if calibrated else [])])

    def add(self, photo: Path, found: Detections) -> None:
        areas = np.count_nonzero(found.masks, axis=(1, 2)).tolist()
        probabilities = found.probabilities
        for n, (label, score, box, area) in enumerate(zip(found.labels, found.scores, found.boxes, areas, strict=True)):
            last = [] if probabilities is None else [f"{probabilities[n]:.4f}"]
            self._lines.writerow([photo, label, f"{score:.4f}", *(f"{side:g}" for side in box), area, *last])

    def text(self) -> str:
        return self._text.getvalue()


class CocoDatasetWriter:
    """A COCO data set whose annotations are the detections, each with its `score`.

    Programs that read COCO annotations read it. Its list `annotations` is also a valid results list for its image ids.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        self._folder, self._classes = folder, classes
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, photo: Path, found: Detections) -> None:
        image_id = len(self._images) + 1
        height, width = found.masks.shape[1:]
        self._images.append(coco.image_entry(image_id, relative_name(self._folder, photo), width, height))
        areas = np.count_nonzero(found.masks, axis=(1, 2)).tolist()
        for result, area in zip(results_of(found.encode(), image_id, found.class_ids.tolist()), areas, strict=True):
            self._annotations.append({"id": len(self._annotations) + 1, **result, "area": float(area), "iscrowd": 0})

    def text(self) -> str:
        return coco.as_text(self._images, self._annotations, self._classes)


class CocoResultsWriter:
    """A COCO results list for `COCO(ground_truth).loadRes`, with the image and category ids of that file.

    A photo is matched with the image whose `file_name` is the longest end of the photo's path. If there is none, it is
    matched with the only image that has the same name in any folder.

    Raises:
        UserError: the file is not a COCO file, it lacks one of the classes or a photo, or a match is ambiguous.
    """

    def __init__(self, folder: Path, photos: Sequence[Path], classes: Sequence[str], ground_truth: Path) -> None:
        document = _read(ground_truth)
        ids = {PurePath(str(each["file_name"])): each["id"] for each in document["images"]}
        by_name: dict[str, list[PurePath]] = {}
        for image in ids:
            by_name.setdefault(image.name, []).append(image)
        categories = {str(each["name"]).strip(): each["id"] for each in document.get("categories", [])}
        known = {key_of(name): category_id for name, category_id in categories.items()}
        self._results: list[dict[str, Any]] = []
        self._image_ids, self._category_ids = {}, [0]
        chosen: dict[PurePath, Path] = {}
        for photo in dict.fromkeys(photos):
            parts = (photo.parent.resolve() / photo.name).parts
            ends = [end for start in range(len(parts)) if (end := PurePath(*parts[start:])) in ids]
            if not (matches := ends[:1] or by_name.get(photo.name, [])):
                name = relative_name(folder, photo)
                raise UserError(f"{ground_truth} lists {len(ids)} images, but not {name}.")
            image, *others = matches
            if others:
                raise UserError(f"{ground_truth} lists {image} and {others[0]}, and both could be {photo}.")
            if image in chosen:
                raise UserError(f"{ground_truth} lists {image} once, but it matches both {chosen[image]} and {photo}.")
            chosen[image] = photo
            self._image_ids[photo] = ids[image]
        for label in classes:
            if key_of(label) not in known:
                raise UserError(f"{ground_truth} has no category {label!r}; it has {', '.join(map(repr, categories))}.")
            self._category_ids.append(known[key_of(label)])

    def add(self, photo: Path, found: Detections) -> None:
        category_ids = [self._category_ids[class_id] for class_id in found.class_ids]
        self._results += results_of(found.encode(), self._image_ids[photo], category_ids)

    def text(self) -> str:
        return json.dumps(self._results)


class ViaWriter:
    """A VIA 2.x annotation file with one polygon for each detection, with the attributes `fmask` and `score`.

    The parts and holes of a mask are joined to one polygon by bridges of zero width; specks are dropped (`SPECK`).
    Polygons are simplified (`TOLERANCE`), so that they have few enough points to edit by hand.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Any] = {}

    def add(self, photo: Path, found: Detections) -> None:
        regions = []
        for label, score, mask in zip(found.labels, found.scores, found.masks, strict=True):
            tolerance = TOLERANCE * np.sqrt(np.count_nonzero(mask))
            if outlines := trace(mask, tolerance, SPECK):
                regions.append(via.region_entry(join(outlines), {"fmask": label, "score": f"{score:.3f}"}))
        self._entries |= via.photo_entry(photo, relative_name(self._folder, photo), regions)

    def text(self) -> str:
        return json.dumps(self._entries)


def open_writer(
    format: str,
    photos: Sequence[Path],
    classes: Sequence[str],
    ground_truth: Path | None = None,
    calibrated: bool = False,
) -> DetectionWriter:
    """Create a writer for the detections in some photos.

    Args:
        format: `csv`, `coco` or `via`.
        photos: all photos that will be added.
        classes: the class names of the network.
        ground_truth: for `coco`, the COCO file whose ids a results list uses; without it a data set is written.
        calibrated: for `csv`, whether the network's scores are calibrated.

    Raises:
        UserError: `ground_truth` does not match the photos; see `CocoResultsWriter`.
    """
    folder = common_folder(photos)
    if format == "csv":
        return CsvWriter(calibrated)
    if format == "via":
        return ViaWriter(folder)
    if ground_truth:
        return CocoResultsWriter(folder, photos, classes, ground_truth)
    return CocoDatasetWriter(folder, classes)


def common_folder(photos: Sequence[Path]) -> Path:
    """Return the innermost folder that contains all photos."""
    return Path(os.path.commonpath([photo.parent.resolve() for photo in photos]))


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
        for key, name in (("images", "file_name"), ("categories", "name")):
            _ = [(each["id"], each[name]) for each in document[key]]
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is not a COCO file with images and categories: {error}.") from error
    return document
