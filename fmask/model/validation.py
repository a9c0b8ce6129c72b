"""Whether a network's configuration, typed by a person or found in a file, is one that can be built and paid for."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from fmask.model.anchors import STRIDES
from fmask.model.config import CHOICES
from fmask.utils.errors import UserError

LIMITS: dict[str, tuple[float, float]] = {
    "loss.rpn_class": (0, 1000),
    "loss.rpn_bbox": (0, 1000),
    "loss.mrcnn_class": (0, 1000),
    "loss.mrcnn_bbox": (0, 1000),
    "loss.mrcnn_mask": (0, 1000),
    "loss.l2": (0, 1),
    "widths.fpn": (8, 1024),
    "widths.rpn": (8, 2048),
    "widths.box": (8, 4096),
    "widths.mask": (8, 1024),
    "widths.mask_convs": (0, 8),
    "anchors.offset": (0, 1),
    "proposals.candidates": (1, 300000),
    "proposals.train": (1, 20000),
    "proposals.detect": (1, 20000),
    "proposals.nms": (0, 1),
    "regions.count": (4, 2000),
    "regions.positive": (0.01, 0.99),
    "regions.canonical": (1, 10000),
    "regions.pool_box": (2, 28),
    "regions.pool_mask": (2, 56),
    "detection.floor": (0, 1),
    "detection.nms": (0, 1),
    "detection.count": (1, 1000),
}
"""Settings that are numbers, and the least and the greatest that they take."""
SIDES = (64, 2048)
"""Of the squares that a network sees, in pixels; they are multiples of 32."""
MOST_ANCHORS = 4_000_000
"""In an image; the study's three ratios make a million on the largest frame."""
MOST_NUMBERS = 2**27
"""In one array, half a gigabyte: what the study's widths make of the largest frame."""
ARRAYS: tuple[tuple[str, dict[str, int]], ...] = (
    ("the box head's kernel", {"regions.pool_box": 2, "widths.fpn": 1, "widths.box": 1}),
    ("the regions to classify", {"proposals.detect": 1, "regions.pool_box": 2, "widths.fpn": 1}),
    ("the regions to classify", {"regions.count": 1, "regions.pool_box": 2, "widths.fpn": 1}),
    ("the regions to outline", {"regions.count": 1, "regions.pool_mask": 2, "widths.fpn": 1}),
    ("the regions to outline", {"regions.count": 1, "regions.pool_mask": 2, "widths.mask": 1}),
    ("the regions to outline", {"detection.count": 1, "regions.pool_mask": 2, "widths.fpn": 1}),
    ("the regions to outline", {"detection.count": 1, "regions.pool_mask": 2, "widths.mask": 1}),
)
"""The large arrays that settings ask for, each in its range: what they hold, and the product that is their size."""


def check_model(config: Any) -> None:
    """Looks at everything that `ModelConfig` has, in a composed configuration.

    Raises:
        UserError: a value out of its range, naming the key and what is allowed.
    """
    check_values(config, LIMITS, CHOICES)
    if len(config.anchors.scales) != 5 or not all(map(_is_positive, config.anchors.scales)):
        raise UserError(
            f"anchors.scales={list(config.anchors.scales)}: five positive sides in pixels are needed, for P2 to P6."
        )
    if not 1 <= len(config.anchors.ratios) <= 100 or not all(map(_is_positive, config.anchors.ratios)):
        raise UserError(
            f"anchors.ratios={list(config.anchors.ratios)}: one to a hundred positive widths over heights are needed."
        )
    regions = config.regions
    if int(regions.positive * regions.count) < 1:
        raise UserError(f"regions.positive={regions.positive}: this share of regions.count={regions.count} is not one.")
    if config.proposals.train < regions.count:
        raise UserError(f"proposals.train={config.proposals.train}: needed are at least regions.count={regions.count}.")


def check_memory(config: Any, side: int) -> None:
    """Looks at what the settings of a `check_model`ed configuration ask for together, in frames of `side` pixels.

    Raises:
        UserError: more than a machine has, naming the keys.
    """
    cells = [math.ceil(side / stride) ** 2 for stride in STRIDES]
    ratios = len(config.anchors.ratios)
    if (count := sum(cells) * ratios) > MOST_ANCHORS:
        raise UserError(
            f"anchors.ratios has {ratios} values, which make {count} anchors at {side} px; at most {MOST_ANCHORS} are "
            "allowed."
        )
    for key in ("widths.fpn", "widths.rpn"):
        width = OmegaConf.select(config, key)
        _check_array(f"{key}={width} at {side} px", "a feature map", cells[0] * width)
    for what, powers in ARRAYS:
        values = {key: OmegaConf.select(config, key) for key in powers}
        *first, last = (f"{key}={value}" for key, value in values.items())
        _check_array(f"{', '.join(first)} and {last}", what, math.prod(values[key] ** powers[key] for key in powers))


def _check_array(settings: str, what: str, count: int) -> None:
    if count > MOST_NUMBERS:
        millions, most = round(count / 1e6), round(MOST_NUMBERS / 1e6)
        raise UserError(f"{settings}: {what} would be {millions} million numbers; at most {most} million are allowed.")


def check_values(
    config: Any, limits: Mapping[str, tuple[float, float]], choices: Mapping[str, Sequence[str]], prefix: str = ""
) -> None:
    """Holds the settings of `config` that are set against their limits and choices; `prefix` is for messages.

    Raises:
        UserError: a value out of its range, naming the key and what is allowed.
    """
    for key, (low, high) in limits.items():
        value = OmegaConf.select(config, key)
        if value is not None and not low <= value <= high:
            raise UserError(f"{prefix}{key}={value}: allowed is {low:.10g} to {high:.10g}.")
    for key, words in choices.items():
        value = OmegaConf.select(config, key)
        if value is not None and value not in words:
            raise UserError(f"{prefix}{key}={value}: allowed is {' or '.join(words)}.")


def check_side(key: str, value: int) -> None:
    """Looks at the side of a square that a network sees.

    Raises:
        UserError: it is out of `SIDES`, or no multiple of 32.
    """
    low, high = SIDES
    if not low <= value <= high:
        raise UserError(f"{key}={value}: allowed is {low} to {high}.")
    if value % 32:
        near = max(low, round(value / 32) * 32)
        raise UserError(f"{key}={value}: the side must be a multiple of 32, such as {near}.")


def _is_positive(value: float) -> bool:
    return 0 < value < math.inf
