"""Settings of data, augmentation and jitter, and the folder of the installed photos.

Imports only light modules, so that errors on the command line are reported at once.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from fmask.utils.errors import UserError
from fmask.utils.settings import between

SPLITS = ("train", "val", "test")
"""The splits of a data set, which are also the names of their folders."""


@dataclass
class Data:
    """The data set of a run."""

    name: str = MISSING
    """`photos`, `rendered`, or any name for a data set with its own `root`."""
    root: str | None = None
    """Folder with train/, val/ and test/; null for the default folder of `photos` or `rendered`."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of photos to draw for each split of the rendered data set."""


@dataclass
class Aug:
    """The augmentation of training photos."""

    name: str = MISSING
    augmenters: list[Any] = field(default_factory=list)
    """The imgaug augmenters; see `fmask.data.transforms.augment` for the notation."""


@dataclass
class Jitter:
    """Small random changes of view and colour; the defaults change nothing but the place of a crop."""

    flip: float = between(0, 1, default=0.0)
    """Probability of a left-right flip."""
    scale: float = between(0, 4, default=0.0)
    """Range of the zoom: 0.5 zooms by 1/1.5 to 1.5, uniformly in the logarithm."""
    rotate: float = between(0, 180, default=0.0)
    """Largest rotation in degrees, in either direction."""
    focus: float = between(0, 1, default=1.0)
    """Probability that a crop is placed to show an object; other crops are placed anywhere."""
    colour: float = between(0, 1, default=0.0)
    """Largest relative change of brightness, contrast and saturation; each channel changes by up to half of it."""
    hue: float = between(0, 180, default=0.0)
    """Largest rotation of the hue in degrees, in either direction."""
    grey: float = between(0, 1, default=0.0)
    """Probability that a photo is turned grey."""
    paste: float = between(0, 1, default=0.0)
    """Probability that objects of another photo are pasted in (copy-paste, Ghiasi 2021)."""
    recolour: float = between(0, 1, default=0.0)
    """Probability that an object gets a random colour: masks and hats exist in more colours than a training set has."""


def photos_root() -> Path | None:
    """Return the folder of the installed photos: `$FMASK_PHOTOS`, else `data/photos` if installed, else None.

    `data/photos` counts as installed if its train/ has an annotation file, which is installed after the photos.

    Raises:
        UserError: FMASK_PHOTOS is set, but not to a folder.
    """
    if named := os.environ.get("FMASK_PHOTOS"):
        if not Path(named).is_dir():
            raise UserError(f"FMASK_PHOTOS is {named!r}, which is not a folder.")
        return Path(named)
    default = Path("data", "photos")
    return default if any((default / "train").glob("*.json")) else None


def check_installed(data: Data) -> None:
    """Check that a run's data set has a folder: its own `root`, or that of the photos unless it is rendered.

    Raises:
        UserError: the photos are not installed, or FMASK_PHOTOS is set, but not to a folder.
    """
    if not data.root and data.name != "rendered" and photos_root() is None:
        raise UserError(
            "data=photos: the photos are not installed; run `fmask install photos`, set FMASK_PHOTOS to their folder, "
            "or choose data=rendered."
        )
