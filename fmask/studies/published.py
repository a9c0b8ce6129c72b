"""The published study's table, as facts to stand beside ours; `published.csv` names its source."""

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("published.csv")
SCHEDULE = {"schedule": "one_part"}
"""What a training in one part has among its params, and what one without a schedule was."""


@dataclass(frozen=True)
class Published:
    """A row of the published study: one training, counted once."""

    row: str
    found: int
    objects: int
    accuracy: float
    precision: float
    """Both as printed."""


def read_published() -> list[tuple[dict[str, str], Published]]:
    """The params that a run with a published training's setting has, and what that training gave.

    Left out are backbone and weights, ResNet-50 and COCO's there: the study's question was about the other settings.
    """
    with FILE.open(encoding="utf-8", newline="") as opened:
        lines = {line["row"]: line for line in csv.DictReader(line for line in opened if not line.startswith("#"))}
    read = []
    for line in lines.values():
        settings = {key: line[key] for key in ("steps", "val_steps", "aug")} | SCHEDULE
        if line["part"] == "2":
            first = lines[line["start_from"]]["aug"]
            settings |= {"schedule": "two_part", "aug": first, "schedule.parts.two.aug": line["aug"]}
        facts = Published(
            row=line["row"],
            found=int(line["tp"]),
            objects=sum(int(line[count]) for count in ("tp", "fn", "fp")),
            accuracy=float(line["accuracy"]),
            precision=float(line["precision"]),
        )
        read.append((settings, facts))
    return read
