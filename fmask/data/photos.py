"""Where data sets live, how they are read, and what identifies their contents."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmask.data.via import Split, read_split
from fmask.errors import UserError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Dataset:
    """Splits that belong together."""

    name: str
    root: Path
    splits: dict[str, Split]
    """By name, in the order of `SPLITS`; only those that are there."""


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


def read_dataset(root: Path, name: str) -> Dataset:
    """Read the splits below `root`.

    Raises:
        UserError: none of `SPLITS` is a folder there, or one cannot be read.
    """
    root = Path(root)
    splits = {split: read_split(root / split) for split in SPLITS if (root / split).is_dir()}
    if not splits:
        raise UserError(f"{root} has none of the folders {', '.join(SPLITS)}.")
    return Dataset(name, root, splits)


def digest(split: Split) -> str:
    """A SHA-256 in hex of the photos' contents and their regions: the same on every machine and in every folder."""
    photos = []
    for photo in split.photos:
        content = hashlib.sha256(photo.path.read_bytes())
        for region in photo.regions:
            # Thousandths of a pixel: the last bits of a circle's points differ between mathematics libraries.
            points = np.rint(region.polygon * 1000).astype("<i8")
            content.update(f"{region.class_id} {region.label} {len(points)} ".encode() + points.tobytes())
        photos.append(content.digest())
    return hashlib.sha256(b"".join(sorted(photos))).hexdigest()
