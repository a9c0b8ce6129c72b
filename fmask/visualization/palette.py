"""Colours with a fixed meaning."""

import colorsys

from PIL import Image

CLASS_COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"),
    *("#332288", "#882255", "#44AA99", "#999933", "#661100"),
)
"""The colours of the first classes. The first seven are distinguishable with colour blindness (Okabe & Ito 2008), the
others are from a palette with the same aim (Tol 2021, "muted")."""

ACCENT_COLOUR = "#D55E00"
"""Highlights in figures, from the same palette."""

IGNORED_COLOUR = "#7A7A7A"
"""Annotated regions that are ignored."""

_GOLDEN_ANGLE = 0.381966
"""Share of the circle of hues between two further classes: any number of hues is spread over the circle."""


def class_colour(class_id: int) -> str:
    """Return the colour of a class, from 1, as `#RRGGBB`."""
    if class_id <= len(CLASS_COLOURS):
        return CLASS_COLOURS[class_id - 1]
    further = class_id - len(CLASS_COLOURS)
    channels = colorsys.hls_to_rgb(further * _GOLDEN_ANGLE % 1, (0.35, 0.55, 0.75)[further % 3], 0.7)
    return "#" + "".join(f"{round(255 * channel):02X}" for channel in channels)


def text_colour(background: str) -> str:
    """Return `black` or `white`, whichever is legible on a background in Pillow's notation."""
    grey = Image.new("RGB", (1, 1), background).convert("L").getpixel((0, 0))
    assert isinstance(grey, int)
    return "black" if grey > 140 else "white"
