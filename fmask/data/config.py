"""What can be chosen about the data, and where it is.

Light to import, so that a wrong word on the command line is answered at once.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from fmask.utils.errors import UserError

SPLITS = ("train", "val", "test")


@dataclass
class Jitter:
    """Ranges of the changes; all zero leaves every photo as it is."""

    flip: float = 0.0
    """Probability of a left-right flip."""
    scale: float = 0.0
    """Zoom by up to this factor more or less: 0.5 is from 1/1.5 to 1.5, evenly in its logarithm."""
    rotate: float = 0.0
    """Degrees, either way."""
    focus: float = 1.0
    """Probability that a crop is one that shows an object; the others fall anywhere."""
    colour: float = 0.0
    """Share by which brightness, contrast and saturation change, either way, and half of it for each channel."""
    hue: float = 0.0
    """Degrees by which all colours turn, either way."""
    grey: float = 0.0
    """Probability that a photo loses its colours."""
    paste: float = 0.0
    """Probability that objects of another photo are pasted in (`fmask.data.transforms.copy_paste`)."""
    dye: float = 0.0
    """Probability that an object is dyed in any colour. Masks and hats come in all, a training set in few."""


def photos_root() -> Path | None:
    """The folder of the installed photos: `$FMASK_PHOTOS`, else `data/photos`, else None.

    Raises:
        UserError: FMASK_PHOTOS names no folder.
    """
    if named := os.environ.get("FMASK_PHOTOS"):
        if not Path(named).is_dir():
            raise UserError(f"FMASK_PHOTOS is {named!r}, which is not a folder.")
        return Path(named)
    default = Path("data", "photos")
    return default if default.is_dir() else None


@dataclass
class Data:
    """Which photos."""

    name: str = MISSING
    root: str | None = None
    """Folder with train/, val/ and test/; null: where this data set is kept."""
    counts: dict[str, int] = field(default_factory=dict)
    """Photos in each split; for those that are drawn."""


@dataclass
class Aug:
    """How training photos are changed; `fmask.data.transforms.augment` tells how augmenters are written."""

    name: str = MISSING
    augmenters: list[Any] = field(default_factory=list)
