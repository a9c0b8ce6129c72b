"""A data set of train, val and test splits: reading it, and the digest that identifies a split's contents."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fmask.data.config import SPLITS, ReadOptions
from fmask.data.formats.labels import classes_of
from fmask.data.formats.names import NoSuchCategory
from fmask.data.formats.read import check_photos, find_annotations, read_annotations, read_split
from fmask.data.splits import split_folders
from fmask.structures.annotations import Photo, Split
from fmask.structures.hierarchy import Hierarchy, parents_name
from fmask.structures.roll_up import split_at_parents
from fmask.utils.errors import UserError

if TYPE_CHECKING:  # it imports this module
    from fmask.data.folds import Deal


@dataclass(frozen=True)
class Dataset:
    """The splits of one data set."""

    name: str
    root: Path
    classes: tuple[str, ...]
    """The class names, in the order of their ids."""
    splits: dict[str, Split]
    """By name, in the order of `SPLITS`; only those that exist."""
    fold: int | None = None
    """The number of the fold that is the test split; None for the splits of the folders."""
    deal: "Deal | None" = None
    """The folds; None for the splits of the folders."""
    whole_train: Split | None = None
    """The whole training split, if the data set has only a share of it; else None."""
    hierarchy: Hierarchy = field(default_factory=dict)
    """The parents of the classes, and their leaves."""

    def digests(self) -> dict[str, str]:
        """Return the digest of each split, and that of the deal under the name `folds`.

        With a hierarchy, the digests of the splits relabelled with parents are under the names of `at_parents`.
        """
        digests = {name: digest(split) for name, split in self.splits.items()}
        digests |= {name: digest(split) for name, split in self.at_parents().items()}
        whole = {"train_whole": digest(self.whole_train)} if self.whole_train else {}
        return digests | whole | ({"folds": self.deal.digest()} if self.deal else {})

    def at_parents(self) -> dict[str, Split]:
        """Return the splits relabelled with parents, by the result of `parents_name`; empty without a hierarchy."""
        splits = self.splits if self.hierarchy else {}
        return {parents_name(name): split_at_parents(split) for name, split in splits.items()}


def read_dataset(root: Path, name: str, options: ReadOptions | None = None) -> Dataset:
    """Read all splits below `root`.

    A folder with annotations of its own and no splits is read as the split `train`; folds then make splits of it.

    Args:
        root: the folder of the data set.
        name: the name of the data set.
        options: how annotation files are read; None for the defaults. At least one split must have each category or
            value that is mapped.

    Raises:
        NoSuchCategory: no split has a category or value that is mapped.
        UserError: `root` has no splits (see `split_folders`) and no annotations, or a split cannot be read.
    """
    root = Path(root)
    folders = split_folders(root)
    if not folders:
        folders = {"train": _annotated(root)}
    splits = _read_splits(folders.values(), options or ReadOptions())
    named = {split: replace(each, name=split) for split, each in zip(folders, splits, strict=True)}
    return Dataset(name, root, splits[0].classes, named, hierarchy=splits[0].hierarchy)


def read_splits(folder: Path, options: ReadOptions | None = None) -> list[Split]:
    """Read all splits of a data set, or the folder of a single split.

    Args:
        folder: the folder of the data set (see `split_folders`) or of the split.
        options: how annotation files are read; None for the defaults.

    Raises:
        UserError: there is no such folder, or an annotation file cannot be read with these options.
    """
    folder = Path(folder)
    if split_folders(folder):
        return list(read_dataset(folder, folder.name, options).splits.values())
    return [read_split(folder, options)]


def _annotated(root: Path) -> Path:
    """Return a folder without splits, whose own annotations it must have."""
    try:
        find_annotations(root)
    except UserError as error:
        raise UserError(f"{root} has none of the folders {', '.join(SPLITS)}, and no annotations: {error}") from error
    return root


def _read_splits(folders: Iterable[Path], options: ReadOptions) -> list[Split]:
    """Read folders, each with the classes of the categories or values that its annotation file has.

    Raises:
        NoSuchCategory: no file has one of them.
    """
    found, refusals = [], []
    for folder in folders:
        file = find_annotations(folder)
        try:
            found.append(read_annotations(file, folder, options))
        except NoSuchCategory as refusal:
            refusals.append(refusal)
            found.append(read_annotations(file, folder, options.without(refusal.names)))
    if len(refusals) == len(found) and frozenset.intersection(*(refusal.names for refusal in refusals)):
        raise refusals[0]
    classes = options.classes or classes_of(found)
    return [check_photos(each, classes) for each in found]


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
        if region.box_only:
            content.update(b"box ")
        if region.parent:
            content.update(f"{region.parent} ".encode())
    return content.digest()
