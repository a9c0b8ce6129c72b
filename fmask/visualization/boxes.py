"""Boxes and labels drawn on pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_LINE = 1 / 300
_LETTERS = 1 / 38
"""Width of lines and height of letters, as a share of the picture's longer side."""
_LEAST_LETTERS = 11
"""Pixels; smaller ones cannot be read."""


@dataclass(frozen=True)
class Mark:
    """Something to point out in a picture."""

    box: tuple[float, float, float, float]
    """Pixels y1, x1, y2, x2, exclusive ends; may reach over the picture's edges."""
    colour: str
    """As Pillow takes it, `#0072B2`."""
    text: str = ""
    """Written on a ground of `colour` above the box, at its top where there is no room; none if empty."""
    outlined: bool = True


def draw_marks(image: np.ndarray, marks: Sequence[Mark]) -> np.ndarray:
    """A copy of `image`, (H, W, 3) uint8 RGB, with the marks on it, labels over boxes."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(1, round(_LINE * max(picture.size)))
    for mark in marks:
        if mark.outlined:
            y1, x1, y2, x2 = (round(value) for value in mark.box)
            pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=mark.colour, width=line)
    letters = _letters(max(_LEAST_LETTERS, round(_LETTERS * max(picture.size))))
    for mark in marks:
        if mark.text:
            _write(pen, mark, letters, *picture.size)
    return np.asarray(picture)


def _write(pen: ImageDraw.ImageDraw, mark: Mark, letters: ImageFont.FreeTypeFont, width: int, height: int) -> None:
    ascent, descent = letters.getmetrics()
    pad = max(1, ascent // 5)
    wide, high = letters.getlength(mark.text) + 2 * pad, ascent + descent + pad
    y1, x1, _, _ = mark.box
    y = y1 - high if y1 >= high else max(0, min(y1, height - high))
    x = max(0, min(x1, width - wide))
    pen.rectangle((x, y, x + wide - 1, y + high - 1), fill=mark.colour)
    pen.text((x + pad, y + pad / 2), mark.text, fill=_readable_on(mark.colour), font=letters)


def _readable_on(colour: str) -> str:
    grey = Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    assert isinstance(grey, int)
    return "black" if grey > 140 else "white"


@cache
def _letters(size: int) -> ImageFont.FreeTypeFont:
    letters = ImageFont.load_default(size)
    assert isinstance(letters, ImageFont.FreeTypeFont)
    return letters
