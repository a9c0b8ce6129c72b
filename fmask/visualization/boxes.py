"""Boxes and labels on images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fmask.visualization.palette import text_colour

_LINE_WIDTH = 1 / 300
"""Width of lines, as a share of the image's longer side."""
_FONT_SIZE = 1 / 38
"""Font size, as a share of the image's longer side."""
_MIN_FONT_SIZE = 11
"""Smallest legible font size in pixels."""

_Place = tuple[float, float, float, float]
"""Left, top, right and bottom of a label in pixels."""


@dataclass(frozen=True)
class Mark:
    """A box, a label or both, to draw on an image."""

    box: tuple[float, float, float, float]
    """y1, x1, y2, x2 in pixels, ends exclusive; may exceed the image."""
    colour: str
    """A colour in Pillow's notation, such as `#0072B2`."""
    text: str = ""
    """The label, on a background of `colour`: above, in or below the box, the first place that is in the image and
    free of other labels. No label if empty."""
    outlined: bool = True
    """Whether the box is drawn."""


def draw_marks(image: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """Return a copy of `image`, uint8 (H, W, 3), RGB, with the marks; labels are drawn over all boxes."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(1, round(_LINE_WIDTH * max(picture.size)))
    for mark in marks:
        if mark.outlined:
            y1, x1, y2, x2 = (round(value) for value in mark.box)
            pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=mark.colour, width=line)
    font = _font(max(_MIN_FONT_SIZE, round(_FONT_SIZE * max(picture.size))))
    taken: list[_Place] = []
    for mark in marks:
        if mark.text:
            taken.append(_write(pen, mark, font, *picture.size, taken))
    return np.asarray(picture)


def _write(
    pen: ImageDraw.ImageDraw,
    mark: Mark,
    font: ImageFont.FreeTypeFont,
    width: int,
    height: int,
    taken: Sequence[_Place],
) -> _Place:
    """Write the label of a mark, and return its place."""
    ascent, descent = font.getmetrics()
    pad = max(1, ascent // 5)
    wide, high = font.getlength(mark.text) + 2 * pad, ascent + descent + pad
    y1, x1, y2, _ = mark.box
    x = max(0, min(x1, width - wide))
    inside = max(0, min(y1, height - high))
    tops = [y for y in (y1 - high, inside, y2 - high, y2) if 0 <= y <= height - high] or [inside]
    places = [(x, y, x + wide - 1, y + high - 1) for y in tops]
    place = next((each for each in places if not any(_overlap(each, other) for other in taken)), places[0])
    pen.rectangle(place, fill=mark.colour)
    pen.text((place[0] + pad, place[1] + pad / 2), mark.text, fill=text_colour(mark.colour), font=font)
    return place


def _overlap(one: _Place, other: _Place) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
