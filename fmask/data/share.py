"""A nested random share of the training photos, for learning curves.

Near-duplicates, chains of them, and groups of `data.groups` are in a share together or not at all. The shares of one
seed are nested: a larger one has all photos of a smaller one. Photos are stratified by their number of regions of each
class, so that each share has about the same part of each stratum.

A share depends on the contents of the photos, their annotations and its seed alone: not on names, folders or machines.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fmask.data.config import Data
from fmask.data.dataset import Dataset, photo_digest
from fmask.data.duplicates import group_photos
from fmask.data.groups import read_groups
from fmask.structures.annotations import Photo


def share_training(dataset: Dataset, data: Data) -> Dataset:
    """Return a data set whose training split has only a share of the photos.

    Args:
        dataset: the data set, perhaps of a fold.
        data: its settings `share`, `share_seed` and `groups`. The share has at least one group of photos.

    Raises:
        UserError: `groups` cannot be read, or a photo cannot be decoded.
    """
    train = dataset.splits["train"]
    kept = nested_share(train.photos, data.share, data.share_seed, read_groups(data.groups, dataset.root))
    shared = replace(train, photos=tuple(photo for photo in train.photos if photo.name in kept))
    return replace(dataset, splits={**dataset.splits, "train": shared}, whole_train=train)


def nested_share(
    photos: Sequence[Photo], share: float, seed: int, together: Mapping[Path, str] | None = None
) -> set[str]:
    """Return the names of the photos of a share; see `share_training`."""
    groups = group_photos(photos, together)
    kept: list[Photo] = []
    wanted = share * len(photos)
    for group in _in_order(groups, seed):
        if kept and len(kept) + len(group) / 2 > wanted:  # nearer to the wanted number without this group
            break
        kept += group
    return {photo.name for photo in kept}


def _in_order(groups: Sequence[list[Photo]], seed: int) -> list[list[Photo]]:
    """Return the groups in an order whose beginnings are the shares: systematic sampling from each stratum.

    A stratum has the groups with the same number of regions of each class, regions to ignore included. Its n groups, in
    random order, get random places in n equal parts of the unit interval, so that each beginning of the whole order has
    about the same share of each stratum.
    """
    strata: dict[frozenset[tuple[str | None, int]], list[tuple[bytes, list[Photo]]]] = {}
    for group in groups:
        objects = Counter(region.label for photo in group for region in photo.regions)
        first = min(hashlib.sha256(b"share %d " % seed + photo_digest(photo)).digest() for photo in group)
        turn = hashlib.sha256(first).digest()  # the smallest of many would put large groups first
        strata.setdefault(frozenset(objects.items()), []).append((turn, group))
    placed = []
    for members in strata.values():
        for rank, (turn, group) in enumerate(sorted(members, key=lambda each: each[0])):
            within = int.from_bytes(hashlib.sha256(turn).digest()[:4]) / 2**32
            placed.append(((rank + within) / len(members), turn, group))
    return [group for *_, group in sorted(placed, key=lambda each: each[:2])]
