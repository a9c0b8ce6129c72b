"""What can be chosen about the data, and where it is.

Light to import, so that a wrong word on the command line is answered at once.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from fmask.utils.errors import UserError
from fmask.utils.settings import between

SPLITS = ("train", "val", "test")


@dataclass
class Jitter:
    """Small random changes of view and colour; zero everywhere leaves every photo unchanged."""

    flip: float = between(0, 1, default=0.0)
    """Probability of a left-right flip."""
    scale: float = between(0, 4, default=0.0)
    """Range of the zoom: 0.5 zooms by 1/1.5 to 1.5, uniformly in the logarithm."""
    rotate: float = between(0, 180, default=0.0)
    """Largest rotation in degrees, in either direction."""
    focus: float = between(0, 1, default=1.0)
    """Probability that a crop shows an object; other crops are placed anywhere."""
    colour: float = between(0, 1, default=0.0)
    """Largest relative change of brightness, contrast and saturation; each channel changes by up to half of it."""
    hue: float = between(0, 180, default=0.0)
    """Largest rotation of the hue in degrees, in either direction."""
    grey: float = between(0, 1, default=0.0)
    """Probability that a photo is turned grey."""
    paste: float = between(0, 1, default=0.0)
    """Probability that objects of another photo are pasted in (copy-paste, Ghiasi 2021)."""
    recolour: float = between(0, 1, default=0.0)
    """Probability that an object gets a random colour: masks and hats come in all colours, a training set in few."""


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
    """Folder with train/, val/ and test/; null stands for the folder where this data set is kept."""
    counts: dict[str, int] = field(default_factory=dict)
    """Photos to draw for each split, for drawn data sets."""


@dataclass
class Aug:
    """How training photos are augmented."""

    name: str = MISSING
    augmenters: list[Any] = field(default_factory=list)
    """The imgaug augmenters, as `fmask.data.transforms.augment` reads them."""
