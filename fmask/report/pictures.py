"""Photos of a page: a small JPEG with the outlines of its annotations and detections."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.transforms import Bbox
from PIL import Image
from skimage.measure import approximate_polygon

from fmask.data.images import load_image
from fmask.evaluation.sheets import Mark, annotation_marks, borders, detection_marks, label_place
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, bounding_box

LONGER_SIDE = 560
"""Longer side of the JPEG in pixels: twice the size in a wide window, for high-resolution screens."""
QUALITY = 80
SHOWN = 280
"""Usual longer side in the page, in pixels; tags are placed so that they hide little at this size."""
TAG_HEIGHT, LETTER = 17, 5.9
"""Height of a tag and width of a letter in pixels, as set in `page.css`."""


@dataclass(frozen=True)
class Outline:
    """The outline of an annotation or a detection, with its tag."""

    path: str
    """SVG path data in pixels of the photo."""
    text: str
    """Text of the tag."""
    outcome: str
    kind: str
    """`class1` for class 1, or `ignored`: a class of the style sheet, with the colours."""
    side: str
    """The edge of the tag that is placed, left or right: the one nearer to an edge of the photo. The tag then stays
    inside where the photo is narrower than it was placed for."""
    across: float
    """Distance of this edge from the same edge of the photo, in percent of the width of the photo."""
    top: float
    """Top edge of the tag, in percent of the height of the photo."""
    key: str
    """See `fmask.evaluation.sheets.Mark`."""


@dataclass(frozen=True)
class Picture:
    """A photo with its outlines."""

    name: str
    width: int
    height: int
    jpeg: str
    """The photo as a `data:` URI."""
    annotated: list[Outline]
    """Outlines of the annotations."""
    found: dict[float, list[Outline]]
    """Outlines of the detections for each minimum confidence."""


def draw(
    photo: Photo,
    found: EncodedDetections | None,
    confidences: Sequence[float] = (),
    longer_side: int = LONGER_SIDE,
    shown: int = SHOWN,
) -> Picture:
    """Draw a photo, its annotations, and its detections at each confidence.

    Args:
        photo: the photo and its annotations.
        found: its detections, of any score; None without a network.
        confidences: minimum confidences; none without a network.
        longer_side: longer side of the JPEG in pixels.
        shown: longer side in the page in pixels, for which the tags are placed.

    Raises:
        UserError: the photo cannot be read.
    """
    marks = {each: detection_marks(photo, found.at_least(each)) for each in confidences} if found is not None else {}
    return Picture(
        name=photo.name,
        width=photo.width,
        height=photo.height,
        jpeg=as_jpeg(Image.fromarray(load_image(photo.path)), longer_side),
        annotated=_outlines(annotation_marks(photo), photo, shown),
        found={each: _outlines(own, photo, shown) for each, own in marks.items()},
    )


def as_jpeg(image: Image.Image, longer_side: int) -> str:
    """Return an RGB image as the `data:` URI of a JPEG, shrunk to a longer side in pixels.

    Pass only pixels, as of `Image.fromarray`: an image from a file would keep EXIF data, such as the place.
    """
    image.thumbnail((longer_side, longer_side))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()


def _outlines(marks: Sequence[Mark], photo: Photo, shown: int) -> list[Outline]:
    marks = [mark for mark in marks if area(mark.mask)]
    boxes = [Bbox.from_bounds(*bounding_box(mark.mask)) for mark in marks]
    pixel = max(photo.width, photo.height) / shown
    tags: list[Bbox] = []
    outlines = []
    for mark, box in zip(marks, boxes, strict=True):
        tag = label_place((LETTER * len(mark.text) + 8) * pixel, TAG_HEIGHT * pixel, box, boxes, tags, photo)
        tags.append(tag)
        from_left, from_right = tag.x0, photo.width - tag.x1
        outlines.append(
            Outline(
                path=_path(mark.mask),
                text=mark.text,
                outcome=mark.outcome,
                kind=f"class{mark.class_id}" if mark.class_id > 0 else "ignored",
                side="left" if from_left <= from_right else "right",
                across=round(100 * min(from_left, from_right) / photo.width, 2),
                top=round(100 * tag.y0 / photo.height, 2),
                key=mark.key,
            )
        )
    return outlines


def _path(mask: RunLengths) -> str:
    """Trace the borders of a mask, including its holes.

    The pixel in row y and column x covers x to x + 1 and y to y + 1.
    """
    tolerance = max(mask["size"]) / 800
    parts = []
    for border in borders(mask):
        points = approximate_polygon(border, tolerance) + 0.5
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for y, x in points[:-1]) + "Z")
    return "".join(parts)
