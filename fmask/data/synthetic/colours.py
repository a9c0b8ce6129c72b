"""Palettes, random colours and cloth patterns. Colours are RGB in [0, 255]."""

import math
from collections.abc import Sequence

import numpy as np

from fmask.data.synthetic.layers import Colour, Pattern

SKIN: list[Colour] = [
    (246, 214, 190), (236, 194, 165), (224, 172, 140), (205, 150, 115), (176, 120, 85), (141, 92, 62), (106, 68, 46),
    (78, 50, 36),
]  # fmt: skip
HAIR: list[Colour] = [
    (25, 20, 18), (40, 28, 22), (70, 46, 30), (104, 70, 42), (150, 108, 62), (200, 164, 104), (140, 62, 34),
    (128, 126, 124), (214, 212, 208),
]  # fmt: skip
CLOTH: list[Colour] = [
    (240, 240, 238), (32, 34, 40), (46, 62, 104), (120, 160, 200), (90, 96, 104), (150, 40, 46), (70, 100, 70),
    (190, 170, 140), (110, 80, 130), (200, 120, 60), (60, 130, 140), (205, 190, 80), (226, 160, 176),
]  # fmt: skip
BLACK: Colour = (22, 22, 24)
WHITE: Colour = (246, 246, 244)


def choose(rng: np.random.Generator, colours: Sequence[Colour], spread: float = 10) -> Colour:
    """Choose one of `colours` and vary it; see `vary`."""
    return vary(rng, colours[int(rng.integers(len(colours)))], spread)


def vary(rng: np.random.Generator, colour: Colour, spread: float = 10) -> Colour:
    """Add normal noise with standard deviation `spread` to each channel."""
    red, green, blue = (min(max(part + rng.normal(0, spread), 4), 251) for part in colour)
    return red, green, blue


def any_colour(rng: np.random.Generator) -> Colour:
    """Return a random colour, usually one of `CLOTH`."""
    return choose(rng, CLOTH) if rng.random() < 0.7 else vary(rng, (128, 128, 128), 60)


def scaled(colour: Colour, factor: float) -> Colour:
    """Return a darker (factor below 1) or lighter (above 1) colour."""
    red, green, blue = (min(part * factor, 255) for part in colour)
    return red, green, blue


def stripes(period: float, angle: float, share: float = 0.5) -> Pattern:
    """Return stripes across the direction `angle`, `period` photo pixels apart, of which `share` is ink."""
    along = _measure(period, angle)
    return lambda x, y: (along(x, y) % 1 < share).astype(np.float32)


def checks(period: float, angle: float) -> Pattern:
    """Return a woven check: two crossing sets of stripes, darkest where they cross."""
    warp, weft = stripes(period, angle), stripes(period, angle + math.pi / 2)
    return lambda x, y: (warp(x, y) + weft(x, y)) / 2


def dots(period: float, angle: float) -> Pattern:
    """Return round dots on a grid."""
    along, across = _measure(period, angle), _measure(period, angle + math.pi / 2)
    return lambda x, y: (_wave(along(x, y)) + _wave(across(x, y)) > 0.9).astype(np.float32)


def ribs(period: float, angle: float) -> Pattern:
    """Return soft folds like those of knitted wool."""
    along = _measure(period, angle)
    return lambda x, y: 0.5 + 0.5 * _wave(along(x, y))


def any_print(rng: np.random.Generator, unit: float, angle: float) -> Pattern:
    """Return random stripes, checks or dots of a size proportional to `unit`, in photo pixels."""
    period = unit * rng.uniform(0.12, 0.4)
    upright, level = stripes(period, angle), stripes(period, angle + math.pi / 2)
    kinds = (upright, level, checks(period, angle), dots(period, angle + 0.7))
    return kinds[rng.choice(len(kinds), p=[0.17, 0.17, 0.33, 0.33])]


def _measure(period: float, angle: float) -> Pattern:
    """Return the distance along `angle` in periods of at least 2 pixels; shorter ones cannot be drawn."""
    step = 1 / max(period, 2)
    cos, sin = math.cos(angle) * step, math.sin(angle) * step
    return lambda x, y: x * cos + y * sin


def _wave(periods: np.ndarray) -> np.ndarray:
    return np.cos(periods * (2 * math.pi))
