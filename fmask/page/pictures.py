"""A photo as a page shows it: a small JPEG, and over it the outlines of what is annotated and of what was found."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.measure import approximate_polygon, find_contours

from fmask.data.via import CLASS_NAMES, Photo, open_image
from fmask.detections import Detections
from fmask.evaluation.sheets import Mark, annotation_marks, detection_marks

LONGEST = 560
"""Pixels of the longer side; twice what a wide window shows, for dense screens."""
QUALITY = 80
_SHOWN = 280
"""Pixels that a photo is mostly shown at; tags are kept apart at this size."""
_TAG_HEIGHT, _LETTER = 19, 6.2


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
        jpeg=_as_jpeg(open_image(photo.path)),
        annotated=_outlines(annotation_marks(photo), photo),
        found={each: _outlines(detection_marks(photo, found.at_least(each)), photo) for each in confidences},
    )


def _as_jpeg(image: Image.Image) -> str:
    image.thumbnail((LONGEST, LONGEST))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def _outlines(marks: Sequence[Mark], photo: Photo) -> list[Outline]:
    outlines: list[Outline] = []
    scale = _SHOWN / max(photo.width, photo.height)
    taken: list[tuple[float, float, float]] = []
    for mark in marks:
        if not mark.mask.any():
            continue
        width = _LETTER * len(mark.text) + 10
        left, top = _place(mark.mask, width, scale, taken)
        taken.append((left, top, width))
        outlines.append(
            Outline(
                path=_path(mark.mask),
                text=mark.text,
                fate=mark.fate,
                kind=CLASS_NAMES[mark.class_id - 1] if mark.class_id > 0 else "ignored",
                left=round(100 * left / (photo.width * scale), 2),
                top=round(100 * top / (photo.height * scale), 2),
            )
        )
    return outlines


def _place(
    mask: np.ndarray, width: float, scale: float, taken: Sequence[tuple[float, float, float]]
) -> tuple[float, float]:
    """Where a tag goes, left and top in shown pixels: above its object, else below, else where none is yet."""
    shown_height, shown_width = mask.shape[0] * scale, mask.shape[1] * scale
    rows, columns = np.flatnonzero(mask.any(axis=1)) * scale, np.flatnonzero(mask.any(axis=0)) * scale
    left = max(0.0, min(columns[0], shown_width - width))
    wanted = [rows[0] - _TAG_HEIGHT, rows[-1], *np.arange(0, shown_height - _TAG_HEIGHT, _TAG_HEIGHT)]
    inside = [top for top in wanted if 0 <= top <= shown_height - _TAG_HEIGHT] or [0.0]

    def is_free(top: float) -> bool:
        return all(
            abs(top - other_top) >= _TAG_HEIGHT or left >= other_left + other_width or left + width <= other_left
            for other_left, other_top, other_width in taken
        )

    return left, next(filter(is_free, inside), inside[0])


def _path(mask: np.ndarray) -> str:
    """The mask's borders, holes included; the pixel in row y and column x covers x to x + 1 and y to y + 1."""
    tolerance = max(mask.shape) / 800
    parts = []
    for contour in find_contours(np.pad(mask, 1).astype(np.uint8), 0.5):
        points = approximate_polygon(contour, tolerance) - 0.5
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in points[:-1]) + "Z")
    return "".join(parts)

