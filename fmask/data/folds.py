"""Folds: all photos of a data set, dealt into K parts of which each is the test split of one run.

Near-duplicates, chains of them, and groups of `data.groups` stay in one part, so that no network is tested on a picture
that it was trained on. Each fold has about equally many objects of each class. The run of fold k is tested on fold k,
validated on the first half of fold k + 1 (of fold 1 if k = K), and trained on the rest.

The deal depends on the contents of the photos, their annotations and its seed alone: not on names, folders or machines.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fmask.data.config import SPLITS, Data
from fmask.data.dataset import Dataset, photo_digest
from fmask.data.duplicates import group_photos
from fmask.data.groups import read_groups
from fmask.structures.annotations import Fault, Photo
from fmask.utils.errors import UserError

HALVES = 2
"""Parts of a fold; the first half validates the run of the fold before."""
PHOTOS = ""
"""The class under which photos are counted, so that folds have equally many of them too."""


@dataclass(frozen=True)
class Deal:
    """The photos of a data set in K folds of two halves."""

    halves: tuple[tuple[Photo, ...], ...]
    """2 K parts: those of fold k are `halves[2 * k - 2]` and `halves[2 * k - 1]`. Photos are named `split/name`."""
    digests: dict[str, bytes]
    """The digest of each photo and its annotations, by the photo's name."""

    @property
    def folds(self) -> int:
        """The number of folds, K."""
        return len(self.halves) // HALVES

    def photos(self, fold: int) -> dict[str, list[Photo]]:
        """Return the photos of the splits of the run of a fold.

        Args:
            fold: number of the fold, 1 to K.
        """
        first = HALVES * (fold - 1)
        validation = (first + HALVES) % len(self.halves)
        names = {first: "test", first + 1: "test", validation: "val"}
        splits: dict[str, list[Photo]] = {name: [] for name in SPLITS}
        for index, half in enumerate(self.halves):
            splits[names.get(index, "train")] += half
        return {name: sorted(photos, key=self._order) for name, photos in splits.items()}

    def digest(self) -> str:
        """Return a hex SHA-256 of the photos, their annotations and the half that each is in."""
        content = [
            b"%d " % index + self.digests[photo.name] for index, half in enumerate(self.halves) for photo in half
        ]
        return hashlib.sha256(b"".join(sorted(content))).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of photos and objects of each fold, and the names of its photos."""
        pairs = [self.halves[index : index + HALVES] for index in range(0, len(self.halves), HALVES)]
        return {
            "digest": self.digest(),
            "folds": [
                {
                    "fold": number,
                    "photos": sum(map(len, halves)),
                    "objects": dict(sorted(_objects([photo for half in halves for photo in half]).items())),
                    "halves": [sorted(photo.name for photo in half) for half in halves],
                }
                for number, halves in enumerate(pairs, start=1)
            ],
        }

    def _order(self, photo: Photo) -> bytes:
        return self.digests[photo.name]


def fold_dataset(dataset: Dataset, data: Data, fold: int, dealt: Deal | None = None) -> Dataset:
    """Return the data set of the run of one fold.

    Args:
        dataset: the data set as it is in its folders.
        data: its settings `folds`, `fold_splits`, `fold_seed` and `groups`.
        fold: number of the fold, 1 to `data.folds`.
        dealt: the `deal` of another fold of this data set with the same settings; None deals the photos.

    Raises:
        UserError: a split of `fold_splits` does not exist, `groups` or a photo cannot be read, or there are too few
            photos.
    """
    assert data.folds is not None
    splits = {name: split for name, split in dataset.splits.items() if name in data.fold_splits}
    if set(data.fold_splits) != set(SPLITS) and (missing := set(data.fold_splits) - set(splits)):
        raise UserError(
            f"data.fold_splits: {dataset.root} has no split {min(missing)}; it has {', '.join(dataset.splits)}."
        )
    if dealt is None:
        photos = [
            replace(photo, listed=f"{name}/{photo.name}", image_id=None)
            for name, split in splits.items()
            for photo in split.photos
        ]
        where = f"{dataset.root} ({', '.join(splits)})"
        dealt = deal(photos, data.folds, data.fold_seed, where, read_groups(data.groups, dataset.root))
    of_fold = dealt.photos(fold)
    place = {photo.name: name for name, photos in of_fold.items() for photo in photos}
    faults: dict[str, list[Fault]] = {name: [] for name in of_fold}
    for name, split in splits.items():
        for fault in split.faults:
            file = f"{name}/{fault.file}"
            faults[place.get(file, "train")].append(replace(fault, file=file))  # photos that are left out: train
    first = next(iter(splits.values()))
    is_coco = any(split.is_coco for split in splits.values())
    dealt_splits = {
        name: replace(
            first, name=name, folder=dataset.root, photos=tuple(own), faults=tuple(faults[name]), is_coco=is_coco
        )
        for name, own in of_fold.items()
    }
    return replace(dataset, splits=dealt_splits, deal=dealt, fold=fold)


def deal(
    photos: Sequence[Photo], folds: int, seed: int, where: str, together: Mapping[Path, str] | None = None
) -> Deal:
    """Deal photos into folds, and each fold into halves.

    Args:
        photos: the photos; each has another name.
        folds: number of folds, at least 2.
        seed: seed of the deal.
        where: the place of the photos, for messages.
        together: the user's group of photos, by path.

    Raises:
        UserError: a photo cannot be decoded, or the photos form too few groups.
    """
    digests = {photo.name: photo_digest(photo) for photo in photos}
    groups = group_photos(photos, together)
    if len(groups) < HALVES * folds:
        raise UserError(
            f"data.folds={folds} needs at least {HALVES * folds} different photos, and {where} has {len(groups)}; "
            "near-duplicates and groups count once."
        )

    def turn(group: Sequence[Photo]) -> bytes:
        """Return a key by which groups with equally many objects are ordered at random."""
        return min(hashlib.sha256(b"%d " % seed + digests[photo.name]).digest() for photo in group)

    groups.sort(key=turn)
    halves = [half for fold in _deal(groups, folds) for half in _deal(fold, HALVES)]
    return Deal(tuple(tuple(photo for group in half for photo in group) for half in halves), digests)


def _deal(groups: Sequence[list[Photo]], parts: int) -> list[list[list[Photo]]]:
    """Deal groups of photos into parts, those with most objects first.

    Each group goes to the part in which it makes the numbers of objects of each class, and of photos, most equal.
    """
    counts = [_objects(group) + Counter({PHOTOS: len(group)}) for group in groups]
    totals = sum(counts, Counter[str]())
    dealt: list[list[list[Photo]]] = [[] for _ in range(parts)]
    held = [Counter[str]() for _ in range(parts)]
    # Rare classes first: later groups, which lack them, then even out the other classes and the photos.
    weight = [sum(count / totals[label] for label, count in each.items() if label != PHOTOS) for each in counts]

    def growth(part: int, index: int) -> float:
        """Return how much a group adds to the sum of squares of the part's shares of each class."""
        return sum(
            count * (2 * held[part][label] + count) / totals[label] ** 2 for label, count in counts[index].items()
        )

    for index in sorted(range(len(groups)), key=lambda index: -weight[index]):
        part = min(range(parts), key=lambda part: growth(part, index))
        dealt[part].append(groups[index])
        held[part] += counts[index]
    return dealt


def _objects(photos: Sequence[Photo]) -> Counter[str]:
    """Return the number of objects of each class."""
    return Counter(str(region.label) for photo in photos for region in photo.regions if region.is_object)
