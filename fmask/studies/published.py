"""The results of the published study, for comparison; `published.csv` names their source."""

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("published.csv")
DATA = "photos"
"""The name of the study's photographs as a data set. Results on other data are not compared with the published ones."""
ONE_PART = {"schedule": "one_part"}
"""The params of a training in one part. A run without the param `schedule` was one."""


@dataclass(frozen=True)
class Published:
    """A row of the published study's table: the test results of one training."""

    row: str
    found: int
    objects: int
    accuracy: float
    """As printed."""
    precision: float
    """As printed."""


def read_published() -> list[tuple[dict[str, str], Published]]:
    """Read the published trainings.

    Returns:
        For each training, the params of a run with the same setting, and its results. Backbone and weights are not
        among the params: they were ResNet-50 and COCO weights throughout, and the published study compared the other
        settings.
    """
    with FILE.open(encoding="utf-8", newline="") as opened:
        lines = {line["row"]: line for line in csv.DictReader(line for line in opened if not line.startswith("#"))}
    trainings = []
    for line in lines.values():
        settings = {key: line[key] for key in ("steps", "val_steps", "aug")} | ONE_PART
        if line["part"] == "2":
            first = lines[line["start_from"]]["aug"]
            settings |= {"schedule": "two_part", "aug": first, "schedule.parts.two.aug": line["aug"]}
        results = Published(
            row=line["row"],
            found=int(line["tp"]),
            objects=sum(int(line[count]) for count in ("tp", "fn", "fp")),
            accuracy=float(line["accuracy"]),
            precision=float(line["precision"]),
        )
        trainings.append((settings, results))
    return trainings
