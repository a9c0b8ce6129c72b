"""Deal the study's training and validation photos into folds: python experiments/transfer/folds.py [FOLDER]

Choices about training are made on these folds, never on the nine test photos. FOLDER (outputs/folds) gets a data set
for each fold, 1/ to 5/: val/ and test/ have a tenth of the photos each, the fold's halves, and train/ has the rest, as
links to the photos in FMASK_PHOTOS. Near-duplicates are in one half, and halves have about equally many objects of each
class.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from fmask.data.check import Report, check
from fmask.data.config import photos_root
from fmask.data.formats.read import find_annotations

FOLDS = 5
HALVES = ("val", "test")
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


def deal(groups: list[list[str]], objects: dict[str, Counter[str]], parts: int) -> list[list[str]]:
    """Deal groups into parts, largest first, each to the part that has the fewest objects of its classes."""
    order = np.random.default_rng(SEED).permutation(len(groups))
    totals = [Counter[str]() for _ in range(parts)]
    dealt: list[list[str]] = [[] for _ in range(parts)]
    counts = {index: sum((objects[name] for name in group), Counter[str]()) for index, group in enumerate(groups)}
    for index in sorted(order, key=lambda index: -counts[index].total()):
        part = min(range(parts), key=lambda k: sum(totals[k][label] * n for label, n in counts[index].items()))
        dealt[part] += groups[index]
        totals[part] += counts[index]
    return dealt


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
    dealt = deal(groups(report), objects, FOLDS * len(HALVES))
    for number in range(1, FOLDS + 1):
        held_out = dict(zip(HALVES, dealt[(number - 1) * len(HALVES) :], strict=False))
        others = [name for part in dealt if part not in held_out.values() for name in part]
        for split, names in {"train": others, **held_out}.items():
            write(folder / str(number) / split, {name: entries[name] for name in sorted(names)}, root)
            found = sum((objects[name] for name in names), Counter[str]())
            counts = ", ".join(f"{count} {label}" for label, count in sorted(found.items()))
            print(f"fold {number} {split}: {len(names)} photos, {counts}")


def write(folder: Path, entries: dict[str, Any], root: Path) -> None:
    """Write a split: its annotation file, and links to the folders that its photos are in."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        link = folder / source
        link.unlink(missing_ok=True)
        link.symlink_to((root / source).resolve(), target_is_directory=True)
    (folder / "via_region_data.json").write_text(json.dumps(entries))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("outputs", "folds"))
