"""A data set of train, val and test splits: reading it, and the digest that identifies a split's contents."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fmask.data.config import SPLITS, ReadOptions
from fmask.data.formats.names import NoSuchCategory
from fmask.data.formats.read import read_split
from fmask.structures.annotations import Photo, Split
from fmask.utils.errors import UserError

if TYPE_CHECKING:  # it imports this module
    from fmask.data.folds import Deal

_OTHER_NAMES = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}
"""Names, in lower case, that other projects give to the splits."""


@dataclass(frozen=True)
class Dataset:
    """The splits of one data set."""

    name: str
    root: Path
    splits: dict[str, Split]
    """By name, in the order of `SPLITS`; only those that exist."""
    fold: int | None = None
    """The number of the fold that is the test split; None for the splits of the folders."""
    deal: "Deal | None" = None
    """The folds; None for the splits of the folders."""

    def digests(self) -> dict[str, str]:
        """Return the digest of each split and, with folds, of the deal under the name `folds`."""
        digests = {name: digest(split) for name, split in self.splits.items()}
        return digests | ({"folds": self.deal.digest()} if self.deal else {})


def read_dataset(root: Path, name: str, options: ReadOptions | None = None) -> Dataset:
    """Read all splits below `root`.

    Args:
        root: the folder of the data set.
        name: the name of the data set.
        options: how annotation files are read; None for the defaults. At least one split must have each category or
            value that is mapped.

    Raises:
        NoSuchCategory: no split has a category or value that is mapped.
        UserError: `root` has none of the folders in `SPLITS`, or a folder with another name of a split, such as
            validation/; or a split cannot be read.
    """
    root = Path(root)
    _refuse_other_names(root)
    folders = {split: root / split for split in SPLITS if (root / split).is_dir()}
    if not folders:
        raise UserError(f"{root} has none of the folders {', '.join(SPLITS)}.")
    splits = dict(zip(folders, _read_splits(folders.values(), options or ReadOptions()), strict=True))
    return Dataset(name, root, splits)


def _refuse_other_names(root: Path) -> None:
    """Refuse a folder that was probably meant as a split, because its photos would be ignored."""
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        lower = folder.name.lower()
        split = _OTHER_NAMES.get(lower, lower)
        if split not in SPLITS or folder.name == split or not folder.is_dir():
            continue
        if (root / split).is_dir():
            if not (root / split).samefile(folder):  # the same where names of files ignore case
                raise UserError(
                    f"{folder} would be ignored beside {root / split}, because the splits are {', '.join(SPLITS)}; "
                    "move it elsewhere."
                )
        else:
            raise UserError(f"{folder} must be called {split}, because the splits are {', '.join(SPLITS)}.")


def _read_splits(folders: Iterable[Path], options: ReadOptions) -> list[Split]:
    """Read folders, each with the classes of the categories or values that its annotation file has.

    Raises:
        NoSuchCategory: no file has one of them.
    """
    splits, refusals = [], []
    for folder in folders:
        try:
            splits.append(read_split(folder, options))
        except NoSuchCategory as refusal:
            refusals.append(refusal)
            splits.append(read_split(folder, options.without(refusal.names)))
    if len(refusals) == len(splits) and frozenset.intersection(*(refusal.names for refusal in refusals)):
        raise refusals[0]
    return splits


def digest(split: Split) -> str:
    """Return a hex SHA-256 of the split's photos and regions that does not depend on the machine or the folder."""
    return hashlib.sha256(b"".join(sorted(map(photo_digest, split.photos)))).hexdigest()


def photo_digest(photo: Photo) -> bytes:
    """Return a SHA-256 of the photo's file and regions that does not depend on the machine or the folder."""
    content = hashlib.sha256(photo.path.read_bytes())
    for region in photo.regions:
        # Rounded to 1/1000 pixel: the last bits of a circle's points differ between math libraries.
        points = np.rint(region.polygon * 1000).astype("<i8")
        content.update(f"{region.class_id} {region.label} {len(points)} ".encode() + points.tobytes())
        if region.coco:
            content.update(f"{region.coco} ".encode())
    return content.digest()
