"""Plant wrong labels into a data set: python -m experiments.suspects.plant DATA TARGET --seed 1

TARGET gets a data set like DATA, whose photos are links, and `faults.json`, which lists the planted faults. Of all
objects, 5 % get a fault, in turn:

- *class*: another class;
- *removed*: no outline; a photo without others is marked as empty;
- *shifted*: the outline is moved in a random direction by 0.4 of the width and height of its box, so that its IoU with
  the true outline is about 0.3.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from fmask.data.config import ReadOptions
from fmask.data.dataset import read_dataset
from fmask.data.formats.via import write_split
from fmask.structures.annotations import Photo, Region
from fmask.structures.run_length import bounding_box

KINDS = ("class", "removed", "shifted")
SHARE = 0.05
SHIFT = 0.4


@dataclass(frozen=True)
class Fault:
    """A planted fault."""

    photo: str
    kind: str
    """One of `KINDS`."""
    region: int | None
    """Index of the region in the photo's planted regions; None for a removed one."""
    box: tuple[float, float, float, float]
    """y1, x1, y2, x2 of the true outline in pixels, ends exclusive."""


def plant(photos: Sequence[Photo], seed: int, share: float = SHARE) -> tuple[list[Photo], list[Fault]]:
    """Plant faults into a share of the objects; the indices of regions are their new positions.

    Args:
        photos: annotated photos.
        seed: chooses the objects, the new classes and the directions.
        share: of all objects.
    """
    random = np.random.default_rng(seed)
    places = [(n, k) for n, photo in enumerate(photos) for k, region in enumerate(photo.regions) if not region.ignore]
    chosen = random.permutation(len(places))[: round(share * len(places))]
    kinds = {places[index]: KINDS[turn % len(KINDS)] for turn, index in enumerate(chosen)}
    planted, faults = [], []
    for n, photo in enumerate(photos):
        regions: list[Region] = []
        for k, region in enumerate(photo.regions):
            kind = kinds.get((n, k))
            changed = _changed(region, kind, photo, random) if kind else region
            if kind:
                left, top, width, height = bounding_box(region.run_lengths(photo.height, photo.width))
                box = (top, left, top + height, left + width)
                faults.append(Fault(photo.name, kind, None if changed is None else len(regions), box))
            if changed is not None:
                regions.append(replace(changed, index=len(regions)))
        planted.append(replace(photo, regions=tuple(regions)))
    return planted, faults


def _changed(region: Region, kind: str, photo: Photo, random: np.random.Generator) -> Region | None:
    """Return the region with a fault; None for a removed one."""
    if kind == "removed":
        return None
    if kind == "class":
        return replace(region, label=str(random.choice([name for name in region.classes if name != region.label])))
    angle = random.uniform(0, 2 * np.pi)
    offset = SHIFT * np.ptp(region.polygon, axis=0) * (np.cos(angle), np.sin(angle))
    low, high = region.polygon.min(axis=0), region.polygon.max(axis=0)
    last = np.array([photo.width - 1, photo.height - 1])
    outside = (low + offset < 0) | (high + offset > last)
    offset = np.where(outside, -offset, offset)  # to the other side, where the photo has room
    return replace(region, polygon=np.clip(region.polygon + offset, 0, last), coco=None)


def main() -> None:
    """Write the data set with faults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    dataset = read_dataset(args.data, "clean", ReadOptions(classes=None))
    names = [f"{split}/{photo.name}" for split, each in dataset.splits.items() for photo in each.photos]
    photos = [photo for each in dataset.splits.values() for photo in each.photos]
    photos = [replace(photo, listed=name) for photo, name in zip(photos, names, strict=True)]
    planted, faults = plant(photos, args.seed)
    for split in dataset.splits:
        folder = args.target / split
        folder.mkdir(parents=True, exist_ok=True)
        own = []
        for photo in planted:
            if photo.name.startswith(f"{split}/"):
                link = args.target / photo.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(photo.path.resolve())
                own.append(replace(photo, path=link))
        write_split(folder, own)
    (args.target / "faults.json").write_text(json.dumps([asdict(fault) for fault in faults]))
    print(f"{args.target}: {len(faults)} faults in {sum(len(photo.regions) for photo in photos)} regions")


if __name__ == "__main__":
    main()
