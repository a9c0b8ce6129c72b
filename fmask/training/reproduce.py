"""A run made again from what it left, and its numbers held against the first ones."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from fmask import tracking
from fmask.data.open import open_dataset
from fmask.training import provenance_diff
from fmask.training.train import train
from fmask.utils.errors import UserError

COSTS = ("images_per_second", "cpu_seconds")
"""Metrics that are no result."""

History = Mapping[str, Mapping[int, float]]
"""The values of metrics by epoch; scores at the end are at epoch 0."""


@dataclass(frozen=True)
class Difference:
    """How a metric of two runs differs."""

    metric: str
    first: int
    """Epoch from which on they do; 0 for a score at the end."""
    largest: float
    """NaN where one of them has no value."""


def reproduce(reference: str, output_dir: Path | None, console: Console) -> list[Difference]:
    """Trains a finished run again, with the same configuration, as a new run of its study that says what it repeats.

    What differs from the circumstances of then is told before, the numbers that came out differently after it.

    Returns:
        The metrics that differ, the first one in time first.

    Raises:
        UserError: there is no such run, it is no finished training, or its data or configuration is not there any more.
    """
    run = tracking.find_run(reference)
    if run.status != "FINISHED":
        raise UserError(f"The run {run.id} ({run.name}) is {run.status}; only one that has finished can be reproduced.")
    config, written = provenance_diff.read_config(run)
    dataset = open_dataset(config.data)
    console.print(provenance_diff.as_table(provenance_diff.compare(run, config, written, dataset)))
    again = tracking.find_run(train(config, output_dir, console, tags={"reproduces": run.id}).run_id)
    differences = differing(_history(run), _history(again))
    console.print(as_table(differences, run, again), soft_wrap=True)
    return differences


def differing(then: History, now: History) -> list[Difference]:
    """The metrics in which two runs are not equal to the last digit."""
    found = []
    for metric in then.keys() | now.keys():
        one, other = then.get(metric, {}), now.get(metric, {})
        gaps = {epoch: _gap(one.get(epoch), other.get(epoch)) for epoch in sorted(one.keys() | other.keys())}
        unequal = {epoch: gap for epoch, gap in gaps.items() if gap != 0}
        if unequal:
            largest = math.nan if any(map(math.isnan, unequal.values())) else max(unequal.values())
            found.append(Difference(metric, min(unequal), largest))
    return sorted(found, key=lambda each: (each.first or math.inf, each.metric))


def as_table(differences: list[Difference], then: tracking.RunInfo, now: tracking.RunInfo) -> Table | str:
    """For the terminal."""
    if not differences:
        return f"The run {now.id} is equal to {then.id}, in all losses of all epochs and all scores, to the last digit."
    table = Table("metric", title=f"{now.id} is not equal to {then.id}", title_justify="left")
    for column in ("differs from epoch", "by at most"):
        table.add_column(column, justify="right")
    for each in differences:
        by = "one has no value" if math.isnan(each.largest) else f"{each.largest:.3g}"
        table.add_row(each.metric, str(each.first) if each.first else "the end", by)
    return table


def _gap(one: float | None, other: float | None) -> float:
    """How far apart two values are: 0 where they are the same, NaN where one is no number and the other is one."""
    if one is None or other is None:
        return math.nan
    return 0.0 if one == other or (math.isnan(one) and math.isnan(other)) else abs(one - other)


def _history(run: tracking.RunInfo) -> History:
    names = [name for name in run.metrics if name not in COSTS and not name.startswith("system/")]
    return tracking.read_history(run, names)
