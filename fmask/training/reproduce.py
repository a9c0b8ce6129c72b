"""Train a finished run again, and compare its numbers with the first ones."""

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

History = Mapping[str, Mapping[int, float]]
"""Metric name to values by epoch; final test scores have epoch 0."""


@dataclass(frozen=True)
class Difference:
    """A metric that differs between two runs."""

    metric: str
    first: int
    """First epoch with a difference; 0 for a final score."""
    largest: float
    """Largest absolute difference; NaN if one of the runs lacks a value."""


def reproduce(reference: str, output_dir: Path | None, console: Console) -> list[Difference]:
    """Train a finished run again with the same configuration, as a new run of its study that is tagged as a repetition.

    Differences in provenance are printed before training, differences in the numbers after it.

    Args:
        reference: the run, as for `tracking.find_run`.
        output_dir: output folder of the new run; see `train`.
        console: where progress and differences are printed.

    Returns:
        The metrics that differ, in order of the first epoch that differs.

    Raises:
        UserError: the run does not exist, it is not a finished training, or its data or configuration no longer exists.
    """
    run = tracking.find_run(reference)
    if run.status != "FINISHED":
        raise UserError(f"The run {run.id} ({run.name}) is {run.status}; only finished runs can be reproduced.")
    config, recorded = provenance_diff.read_config(run)
    dataset = open_dataset(config.data, config.fold)
    console.print(provenance_diff.as_table(provenance_diff.compare_provenance(run, config, recorded, dataset)))
    again = tracking.find_run(train(config, output_dir, console, tags={"reproduces": run.id}).run_id)
    differences = compare_history(_history(run), _history(again))
    console.print(as_table(differences, run, again), soft_wrap=True)
    return differences


def compare_history(then: History, now: History) -> list[Difference]:
    """Return the metrics in which two runs are not bit for bit equal, in order of the first epoch that differs."""
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
    """Return the differences as a table for the terminal, or a sentence if there are none."""
    if not differences:
        return f"The run {now.id} equals {then.id} to the last digit in all losses and scores."
    table = Table("metric", title=f"{now.id} differs from {then.id}", title_justify="left")
    for column in ("from epoch", "by at most"):
        table.add_column(column, justify="right")
    for each in differences:
        by = "missing in one run" if math.isnan(each.largest) else f"{each.largest:.3g}"
        table.add_row(each.metric, str(each.first) if each.first else "final score", by)
    return table


def _gap(one: float | None, other: float | None) -> float:
    """Return the absolute difference: 0 if both are NaN, NaN if only one is NaN or missing."""
    if one is None or other is None:
        return math.nan
    return 0.0 if one == other or (math.isnan(one) and math.isnan(other)) else abs(one - other)


def _history(run: tracking.RunInfo) -> History:
    names = [name for name in run.metrics if tracking.is_metric(name) and name not in tracking.COSTS]
    return tracking.read_history(run, names)
