"""Whether a network's configuration, typed by a person or found in a file, is one that can be built and paid for."""

import math
from typing import Any

from omegaconf import OmegaConf

from fmask.model.anchors import STRIDES
from fmask.model.config import ModelConfig
from fmask.utils.errors import UserError
from fmask.utils.settings import check_settings

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


def _is_positive(value: float) -> bool:
    return 0 < value < math.inf
