"""Settings of data, augmentation and jitter, and the folder of the installed photos.

Imports only light modules, so that errors on the command line are reported at once.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from fmask.structures.classes import UNNAMED
from fmask.structures.hierarchy import Hierarchy
from fmask.utils.errors import UserError
from fmask.utils.settings import between, one_of

SPLITS = ("train", "val", "test")
"""The splits of a data set, which are also the names of their folders."""
OTHER_NAMES = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
"""Names, in lower case, that folders of splits have in other projects."""
DEFAULT_FOLDS = 5
"""Number of folds if `fold` is set and `data.folds` is not."""

ATTRIBUTE = "fmask"
"""The region attribute of VIA files that fmask writes the class to."""
EMPTY_PHOTOS = ("leave_out", "negative")
"""What photos without regions are that nobody may have looked at: left out, or photos without objects."""


@dataclass
class Data:
    """The data set of a run."""

    name: str = MISSING
    """`photos`, `rendered`, or any name for a data set with its own `root`."""
    root: str | None = None
    """Folder with train/, val/ and test/; null for the default folder of `photos` or `rendered`."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of photos to draw for each split of the rendered data set."""
    classes: list[str] | None = None
    """The class names, in the order of their ids. null: the names in the annotations of all splits, after `map`, in
    alphabetical order, without the parents of `hierarchy`."""
    hierarchy: Any = None
    """The parents of classes, each with its leaves, as in `{hat: [cap, beanie], mask: [surgical, cloth]}`. The network
    learns the leaves, and is scored at the leaves and at the parents. Objects may also be annotated as a parent.
    null: no parents."""
    attribute: str | None = None
    """The region attribute of VIA files that holds the class. null: the only attribute, or the one called `fmask`. COCO
    files have categories instead."""
    map: Any = None
    """The class, or the parent in `hierarchy`, of each name in the annotations that is called otherwise, as in
    `{helmet: hat, vest: null}`; null leaves its regions out, as if they were not annotated. Names are values of
    `data.attribute` (VIA) or categories."""
    empty_photos: str = one_of(*EMPTY_PHOTOS, default="leave_out")
    """Photos that a VIA or CVAT file lists without regions and without the mark `empty`, and tasks of Label Studio
    without annotation: leave_out (reference) | negative: they are photos without objects. In other formats, photos
    without regions are always photos without objects."""
    boxes: bool = False
    """Whether to train on objects that have a box and no outline. The network learns boxes and classes from them, and
    masks from the other objects; if no object has an outline, the mask to learn is the filled box. false: a data set
    with such objects is refused."""
    folds: int | None = between(2, 100, default=None)
    """Number of folds that the photos are dealt into, for runs with a `fold`; null: 5 for such runs, else none."""
    fold_splits: list[str] = field(default_factory=lambda: list(SPLITS))
    """The splits whose photos are dealt into folds. `[train, val]` keeps choices of settings off the test photos."""
    fold_seed: int = between(0, 2**31 - 1, default=0)
    """Seed of the deal into folds; other than `seed`, it is the same for all runs of a study."""
    groups: str | None = None
    """A CSV file with the columns `photo`, a path below `root`, and `group`. The photos of a group, such as those of
    one person, site or film, are in one fold, and in a `share` together or not at all. null: no groups."""
    share: float = between(0.001, 1, default=1.0)
    """Share of the training photos that the run is trained on, for learning curves. Smaller shares are contained in
    larger ones; near-duplicates stay together, and classes are balanced."""
    share_seed: int = between(0, 2**31 - 1, default=0)
    """Seed of the draw of `share`; other than `seed`, it is the same for all runs of a study."""


@dataclass(frozen=True)
class ReadOptions:
    """How annotation files are read."""

    attribute: str | None = None
    """The region attribute of VIA files that holds the class; None for the only one, or the one called `ATTRIBUTE`."""
    map: Mapping[str, str | None] = field(default_factory=dict)
    """The class of values of `attribute` (VIA) and of categories (COCO). None leaves the regions of a value out, as if
    they were not annotated. Values that are called like a class need not be mapped."""
    empty_photos: str = "leave_out"
    """One of `EMPTY_PHOTOS`."""
    classes: tuple[str, ...] | None = None
    """The class names, in the order of their ids; None for those in the annotations."""
    hierarchy: Hierarchy = field(default_factory=dict)
    """The parents of the classes and their leaves. A parent is a valid label too."""

    @classmethod
    def from_settings(cls, data: Mapping[str, Any]) -> "ReadOptions":
        """Return the options in a run's settings `data.*`, perhaps of a version that lacked some of them."""
        mapped = {str(name): label for name, label in (data.get("map") or {}).items()}
        classes = data.get("classes", UNNAMED)
        return cls(
            data.get("attribute", ATTRIBUTE),
            mapped,
            data.get("empty_photos", "leave_out"),
            None if classes is None else tuple(classes),
            {str(parent): tuple(leaves) for parent, leaves in (data.get("hierarchy") or {}).items()},
        )

    def without(self, names: Iterable[str]) -> "ReadOptions":
        """Return the options without the classes of some names."""
        return replace(self, map={name: label for name, label in self.map.items() if name not in set(names)})


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
    """Probability that an object gets a random colour: objects exist in more colours than a training set shows."""


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
