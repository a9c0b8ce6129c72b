"""A photo as a page shows it: a small JPEG, and over it the outlines of what is annotated and of what was found."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.transforms import Bbox
from PIL import Image
from skimage.measure import approximate_polygon, find_contours

from fmask.data.images import load_image
from fmask.evaluation.sheets import Mark, annotation_marks, detection_marks, free_place
from fmask.structures.annotations import Photo
from fmask.structures.detections import CLASS_NAMES, Detections

LONGEST = 560
"""Pixels of the longer side; twice what a wide window shows, for dense screens."""
QUALITY = 80
SHOWN = 280
"""Pixels that a photo is mostly shown at; at this size tags hide little."""
TAG_HEIGHT, LETTER = 17, 5.9
"""Of a tag as `page.css` makes it: pixels, and pixels for each letter."""


@dataclass(frozen=True)
class Outline:
    """One outlined and tagged thing."""

    path: str
    """SVG path data in the photo's pixels."""
    text: str
    fate: str
    kind: str
    """Its class, or `ignored`."""
    left: float
    """Of the tag, in percent of the photo's width."""
    top: float
    """In percent of its height."""


@dataclass(frozen=True)
class Picture:
    """One photo with its outlines."""

    name: str
    width: int
    height: int
    jpeg: str
    """As a `data:` URI."""
    annotated: list[Outline]
    found: dict[float, list[Outline]]
    """By the confidence from which detections are shown."""


def draw(photo: Photo, found: Detections, confidences: Sequence[float]) -> Picture:
    """The picture of a photo and the detections in it, of any score."""
    return Picture(
        name=photo.name,
        width=photo.width,
        height=photo.height,
        jpeg=_as_jpeg(load_image(photo.path)),
        annotated=_outlines(annotation_marks(photo), photo),
        found={each: _outlines(detection_marks(photo, found.at_least(each)), photo) for each in confidences},
    )


def _as_jpeg(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels)  # its pixels alone: no comment, no place where it was taken
    image.thumbnail((LONGEST, LONGEST))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def _outlines(marks: Sequence[Mark], photo: Photo) -> list[Outline]:
    marks = [mark for mark in marks if mark.mask.any()]
    boxes = [_box(mark.mask) for mark in marks]
    pixel = max(photo.width, photo.height) / SHOWN
    tags: list[Bbox] = []
    outlines = []
    for mark, box in zip(marks, boxes, strict=True):
        tag = free_place((LETTER * len(mark.text) + 8) * pixel, TAG_HEIGHT * pixel, box, boxes, tags, photo)
        tags.append(tag)
        outlines.append(
            Outline(
                path=_path(mark.mask),
                text=mark.text,
                fate=mark.fate,
                kind=CLASS_NAMES[mark.class_id - 1] if mark.class_id > 0 else "ignored",
                left=round(100 * tag.x0 / photo.width, 2),
                top=round(100 * tag.y0 / photo.height, 2),
            )
        )
    return outlines


def _box(mask: np.ndarray) -> Bbox:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Bbox.from_extents(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


def _path(mask: np.ndarray) -> str:
    """The mask's borders, holes included; the pixel in row y and column x covers x to x + 1 and y to y + 1."""
    tolerance = max(mask.shape) / 800
    parts = []
    for contour in find_contours(np.pad(mask, 1).astype(np.uint8), 0.5):
        points = approximate_polygon(contour, tolerance) - 0.5
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in points[:-1]) + "Z")
    return "".join(parts)
