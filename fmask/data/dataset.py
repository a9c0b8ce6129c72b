"""Where data sets live, how they are read and installed, and what identifies their contents."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fmask.data.config import SPLITS
from fmask.data.formats.read import read_split
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Dataset:
    """Splits that belong together."""

    name: str
    root: Path
    splits: dict[str, Split]
    """By name, in the order of `SPLITS`; only those that are there."""


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
