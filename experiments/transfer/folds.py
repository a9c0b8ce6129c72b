"""Deal the study's training and validation photos into folds: python experiments/transfer/folds.py [FOLDER]

Choices about training are made on these folds, never on the nine test photos. FOLDER (outputs/folds) gets a data set
for each fold, 1/ to 5/: val/ has about a fifth of the photos and train/ the rest, as links to the photos in
FMASK_PHOTOS. Near-duplicates are in one fold, and folds have about equally many objects of each class.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from fmask.data.check import Report, check
from fmask.data.config import photos_root
from fmask.data.formats.read import find_annotations

FOLDS = 5
SEED = 0
SOURCES = ("train", "val")


def groups(report: Report) -> list[list[str]]:
    """Return the photos, as split/name, in groups that chains of near-duplicates connect."""
    group = {f"{split.name}/{photo.name}": [f"{split.name}/{photo.name}"] for split in report.splits
             if split.name in SOURCES for photo in split.photos}  # fmt: skip
    for pair in report.duplicates:
        if pair.first in group and pair.second in group and group[pair.first] is not group[pair.second]:
            merged = group[pair.first] + group[pair.second]
            group |= dict.fromkeys(merged, merged)
    return list({id(each): each for each in group.values()}.values())


def deal(groups: list[list[str]], objects: dict[str, Counter[str]]) -> list[list[str]]:
    """Deal groups into folds, largest first, each to the fold that has the fewest objects of its classes."""
    order = np.random.default_rng(SEED).permutation(len(groups))
    totals = [Counter[str]() for _ in range(FOLDS)]
    folds: list[list[str]] = [[] for _ in range(FOLDS)]
    counts = {index: sum((objects[name] for name in group), Counter[str]()) for index, group in enumerate(groups)}
    for index in sorted(order, key=lambda index: -counts[index].total()):
        fold = min(range(FOLDS), key=lambda k: sum(totals[k][label] * n for label, n in counts[index].items()))
        folds[fold] += groups[index]
        totals[fold] += counts[index]
    return folds


def main(folder: Path) -> None:
    """Write the data sets, and print how many photos and objects each validation fold has."""
    root = photos_root()
    if root is None:
        raise SystemExit("The photos are not installed: run `fmask install photos`, or set FMASK_PHOTOS.")
    report = check(root)
    objects = {f"{split.name}/{photo.name}": Counter(str(region.label) for region in photo.regions if not region.ignore)
               for split in report.splits for photo in split.photos}  # fmt: skip
    entries = {}
    for split in SOURCES:
        for entry in json.loads(find_annotations(root / split).read_text()).values():
            name = f"{split}/{entry['filename']}"
            entries[name] = {**entry, "filename": name}
    folds = deal(groups(report), objects)
    for number, held_out in enumerate(folds, start=1):
        others = [name for fold in folds if fold is not held_out for name in fold]
        for part, names in (("train", others), ("val", held_out)):
            place = folder / str(number) / part
            place.mkdir(parents=True, exist_ok=True)
            for split in SOURCES:
                link = place / split
                link.unlink(missing_ok=True)
                link.symlink_to((root / split).resolve(), target_is_directory=True)
            (place / "via_region_data.json").write_text(json.dumps({name: entries[name] for name in sorted(names)}))
        found = sum((objects[name] for name in held_out), Counter[str]())
        print(
            f"fold {number}: {len(held_out)} photos, " + ", ".join(f"{n} {label}" for label, n in sorted(found.items()))
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("outputs", "folds"))
