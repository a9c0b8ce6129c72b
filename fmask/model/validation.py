"""Checks of a network's configuration, from the command line or from a file: value ranges and memory."""

import math
from typing import Any

from omegaconf import OmegaConf

from fmask.model.anchors import STRIDES
from fmask.model.config import ModelConfig
from fmask.utils.errors import UserError
from fmask.utils.settings import check_settings

MAX_ANCHORS = 4_000_000
"""Largest number of anchors in an image. The study's three ratios make a million on the largest frame."""
MAX_ELEMENTS = 2**27
"""Largest number of elements in an array, half a gigabyte: what the study's widths need on the largest frame."""
ARRAYS: tuple[tuple[str, dict[str, int]], ...] = (
    ("the box head's kernel", {"regions.pool_box": 2, "widths.fpn": 1, "widths.box": 1}),
    ("the input of the box head", {"proposals.detect": 1, "regions.pool_box": 2, "widths.fpn": 1}),
    ("the input of the box head", {"regions.count": 1, "regions.pool_box": 2, "widths.fpn": 1}),
    ("the features of the mask head", {"regions.count": 1, "regions.pool_mask": 2, "widths.fpn": 1}),
    ("the features of the mask head", {"regions.count": 1, "regions.pool_mask": 2, "widths.mask": 1}),
    ("the features of the mask head", {"detection.count": 1, "regions.pool_mask": 2, "widths.fpn": 1}),
    ("the features of the mask head", {"detection.count": 1, "regions.pool_mask": 2, "widths.mask": 1}),
)
"""Arrays whose size is a product of settings, and may be too large although each setting is in its range.

Each entry is the content of the array and the exponents of the settings in the product."""


def check_model(config: Any) -> None:
    """Check all settings of `ModelConfig` in a composed configuration.

    Raises:
        UserError: a value is not allowed; the message names the key, the value and what is allowed.
    """
    check_settings(config, ModelConfig)
    if len(config.anchors.scales) != 5 or not all(map(_is_positive, config.anchors.scales)):
        raise UserError(
            f"anchors.scales must be five positive sides in pixels, for P2 to P6, not {list(config.anchors.scales)}."
        )
    if not 1 <= len(config.anchors.ratios) <= 100 or not all(map(_is_positive, config.anchors.ratios)):
        raise UserError(f"anchors.ratios must be one to a hundred positive numbers, not {list(config.anchors.ratios)}.")
    regions = config.regions
    if int(regions.positive * regions.count) < 1:
        raise UserError(
            f"regions.positive={regions.positive} of regions.count={regions.count} regions is less than one region."
        )
    if config.proposals.train < regions.count:
        raise UserError(
            f"proposals.train must be at least regions.count={regions.count}, not {config.proposals.train}."
        )


def check_memory(config: Any, side: int) -> None:
    """Check that a network's arrays fit into memory, for frames of `side` pixels.

    Args:
        config: a configuration that passed `check_model`.
        side: side of the network's input in pixels.

    Raises:
        UserError: an array would be too large; the message names the settings that decide its size.
    """
    cells = [math.ceil(side / stride) ** 2 for stride in STRIDES]
    ratios = len(config.anchors.ratios)
    if (count := sum(cells) * ratios) > MAX_ANCHORS:
        raise UserError(
            f"anchors.ratios has {ratios} values, which make {count} anchors at {side} px; at most {MAX_ANCHORS} are "
            "allowed."
        )
    for key in ("widths.fpn", "widths.rpn"):
        width = OmegaConf.select(config, key)
        _check_array(f"{key}={width} at {side} px", "a feature map", cells[0] * width)
    for content, exponents in ARRAYS:
        values = {key: OmegaConf.select(config, key) for key in exponents}
        *first, last = (f"{key}={value}" for key, value in values.items())
        _check_array(
            f"{', '.join(first)} and {last}", content, math.prod(values[key] ** exponents[key] for key in exponents)
        )


def _check_array(settings: str, content: str, count: int) -> None:
    if count > MAX_ELEMENTS:
        millions, limit = round(count / 1e6), round(MAX_ELEMENTS / 1e6)
        raise UserError(
            f"{settings}: {content} would have {millions} million elements; at most {limit} million are allowed."
        )


def _is_positive(value: float) -> bool:
    return 0 < value < math.inf
