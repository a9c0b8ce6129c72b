"""A nested random share of the training photos, for learning curves.

Near-duplicates, and chains of them, are in a share together or not at all. The shares of one seed are nested: a larger
one has all photos of a smaller one. Each share has about equally many of the photos with the same classes.

A share depends on the contents of the photos, their annotations and its seed alone: not on names, folders or machines.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from fmask.data.dataset import Dataset, photo_digest
from fmask.data.duplicates import group_near_duplicates
from fmask.structures.annotations import Photo


def share_training(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return a data set whose training split has only a share of the photos.

    Args:
        dataset: the data set, perhaps of a fold.
        share: the share of the training photos to keep, above 0 and at most 1; at least one group of near-duplicates.
        seed: seed of the draw; other than that of the training, it is the same for all runs of a study.

    Raises:
        UserError: a photo cannot be decoded.
    """
    train = dataset.splits["train"]
    kept = nested_share(train.photos, share, seed)
    shared = replace(train, photos=tuple(photo for photo in train.photos if photo.name in kept))
    return replace(dataset, splits={**dataset.splits, "train": shared}, whole_train=train)


def nested_share(photos: Sequence[Photo], share: float, seed: int) -> set[str]:
    """Return the names of the photos of a share; see `share_training`."""
    groups = group_near_duplicates(photos)
    kept: list[Photo] = []
    wanted = share * len(photos)
    for group in _in_order(groups, seed):
        if kept and len(kept) + len(group) / 2 > wanted:  # nearer to the wanted number without this group
            break
        kept += group
    return {photo.name for photo in kept}


def _in_order(groups: Sequence[list[Photo]], seed: int) -> list[list[Photo]]:
    """Return the groups in an order whose beginnings are the shares: systematic sampling from each stratum.

    A stratum has the groups with the same classes. Its n groups, in random order, get random places in n equal parts
    of the unit interval, so that each beginning of the whole order has about the same share of each stratum.
    """
    strata: dict[frozenset[str], list[tuple[bytes, list[Photo]]]] = {}
    for group in groups:
        classes = frozenset(str(region.label) for photo in group for region in photo.regions)
        turn = min(hashlib.sha256(b"share %d " % seed + photo_digest(photo)).digest() for photo in group)
        strata.setdefault(classes, []).append((turn, group))
    placed = []
    for members in strata.values():
        for rank, (turn, group) in enumerate(sorted(members, key=lambda each: each[0])):
            within = int.from_bytes(hashlib.sha256(turn).digest()[:4]) / 2**32
            placed.append(((rank + within) / len(members), turn, group))
    return [group for *_, group in sorted(placed, key=lambda each: each[:2])]
