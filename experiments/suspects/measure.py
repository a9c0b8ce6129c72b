"""Measure how many planted faults are early in a list of suspects: python -m experiments.suspects.measure CSV FAULTS

CSV is the file of `fmask suspects`, FAULTS the `faults.json` of `experiments.suspects.plant`. The first 10 % of the
list are as many suspects as 10 % of the annotated objects. A fault is found there by a suspect about its region, or by
a missing outline whose box has an IoU of at least 0.5 with that of the true outline.
"""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from experiments.suspects.plant import KINDS, Fault

FIRST = 0.1
MIN_IOU = 0.5


def ranks(suspects: Sequence[dict[str, str]], faults: Iterable[Fault]) -> list[tuple[Fault, int | None]]:
    """Return the rank, from 1, of the first suspect that finds each fault; None if there is none.

    Args:
        suspects: the rows of the CSV file.
        faults: the planted faults.
    """
    by_photo: dict[str, list[dict[str, str]]] = {}
    for row in suspects:
        by_photo.setdefault(row["photo"], []).append(row)
    return [
        (fault, next((int(row["rank"]) for row in by_photo.get(fault.photo, []) if _finds(row, fault)), None))
        for fault in faults
    ]


def shares(found: Sequence[tuple[Fault, int | None]], objects: int) -> dict[str, tuple[int, int]]:
    """Return, for each kind of fault and for `all`, how many are in the first 10 % of the list, and how many exist."""
    last = round(FIRST * objects)
    counts: dict[str, tuple[int, int]] = {}
    for kind in (*KINDS, "all"):
        own = [rank for fault, rank in found if kind in (fault.kind, "all")]
        counts[kind] = (sum(rank is not None and rank <= last for rank in own), len(own))
    return counts


def _finds(row: dict[str, str], fault: Fault) -> bool:
    if row["region"]:
        return fault.region is not None and int(row["region"]) == fault.region
    return box_iou([float(row[side]) for side in ("y1", "x1", "y2", "x2")], fault.box) >= MIN_IOU


def box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the IoU of two boxes y1, x1, y2, x2."""
    height = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    width = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return height * width / (sum(areas) - height * width)


def describe(counts: dict[str, tuple[int, int]]) -> str:
    """Return the shares as one line."""
    return ", ".join(f"{kind} {found} of {planted}" for kind, (found, planted) in counts.items())


def main(suspects: Path, faults: Path) -> None:
    """Print the shares of the faults that are found."""
    with suspects.open(newline="") as file:
        rows = list(csv.DictReader(file))
    planted: list[dict[str, Any]] = json.loads(faults.read_text())
    objects = len({(row["photo"], row["region"]) for row in rows if row["region"]})
    print(describe(shares(ranks(rows, [Fault(**each) for each in planted]), objects)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
