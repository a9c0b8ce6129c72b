"""The variances of differences between settings, estimated from a study.

Shape letters: S runs of one setting (its seeds), P photos, K folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from statistics import mean

import numpy as np

from fmask.studies.average_precision import precisions_of
from fmask.studies.choice import scored_by_data
from fmask.studies.counts import Counts
from fmask.studies.grouping import GroupedRuns, group_runs
from fmask.studies.runs import Study
from fmask.studies.spread import spread
from fmask.studies.statistics import rate_deviations
from fmask.studies.variances import Variances
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Pilot:
    """What an earlier study shows about how much a score varies."""

    grouped: GroupedRuns
    counts: list[Counts]
    """Of the baseline, and of the settings whose comparison with it shows how much seeds differ."""
    variances: Variances
    """Mean over these settings."""
    objects_per_photo: float
    cpu_hours: float
    """Mean of a run; NaN if the runs did not log it."""


def read_variances(
    study: Study, confidence: float | None, baseline: int = 1, data: str | None = None, score: str | None = None
) -> Pilot:
    """Estimate the variances of a difference between settings from a study; see `plan`.

    Args:
        study: its runs; those on the data of the latest run are used.
        confidence: detections with a lower score do not count; None: the `min_confidence` of the runs.
        baseline: the row of the study's table that the others are compared with.
        data: use only runs on this data; None: all runs.
        score: the name of an average precision; None for the accuracy.

    Raises:
        UserError: the study does not show how much a difference varies.
    """
    runs = scored_by_data(study, data)[0]
    name = f"The study {study.name!r}"
    if len(runs) == 1:
        raise UserError(f"{name} has a single scored run; power needs two settings, one of them with two seeds.")
    grouped = group_runs(study.name, runs, confidence)
    groups, counts = grouped.groups, list(grouped.counts)
    if not 1 <= baseline <= len(groups):
        raise UserError(f"The baseline must be a row from 1 to {len(groups)}, not {baseline}.")
    if len(groups) == 1:
        raise UserError(
            f"{name} has a single setting; power needs a second one, because photos suit settings differently."
        )
    numbers = [number for number in range(len(groups)) if number != baseline - 1]
    first = counts[baseline - 1]
    numbers = [number for number in numbers if _shows_seeds(first, counts[number])]
    if not numbers:
        raise UserError(f"{name} has one seed for each setting, which does not show how much seeds differ; add a seed.")
    chosen = [baseline - 1, *numbers]
    if score is None:
        varied = [
            Deviations(rate_deviations(each.found, each.objects), each.objects, each.object_folds) for each in counts
        ]
    else:
        precisions = precisions_of(groups)
        if score not in precisions.common:
            raise UserError(f"{name} does not show how {score} varies: not all of its runs logged their matches.")
        found = [each[score] for each in precisions.settings]
        varied = [Deviations(each.deviations, each.weights, precisions.folds) for each in found]
    cpu = [run.cpu_seconds for run in grouped.scored if run.cpu_seconds is not None]
    return Pilot(
        grouped=grouped,
        counts=[counts[number] for number in chosen],
        variances=variances_of([(varied[chosen[0]], varied[number]) for number in numbers]),
        objects_per_photo=len(grouped.objects) / len(first.objects),
        cpu_hours=mean(cpu) / 3600 if cpu else nan,
    )


@dataclass(frozen=True)
class Deviations:
    """What the runs of a setting add to the deviation of its score; see `fmask.studies.spread.spread`."""

    values: np.ndarray
    """(S, P)."""
    weights: np.ndarray
    """(P,)."""
    folds: np.ndarray | None
    """(P,), the fold of each photo, from 0; None without folds."""


def variances_of(pairs: Sequence[tuple[Deviations, Deviations]]) -> Variances:
    """Estimate the variances of a difference, as the mean over pairs of settings; none is below 0.

    A pair in which both settings have a single seed must have folds. The photos' variance then contains the rest.
    """
    found = np.array([_variances(*pair) for pair in pairs])
    return Variances(*np.maximum(found.mean(axis=0), 0).tolist())


def _variances(first: Deviations, second: Deviations) -> tuple[float, float, float]:
    folds, weights = first.folds, np.maximum(first.weights, second.weights)
    parts = spread([first.values, second.values], weights, folds)
    photos, number = float(parts.photos), np.count_nonzero(weights)
    of_seeds, rest = float(sum(parts.seeds)), float(parts.rest)
    several = 1 if folds is None else int(folds.max()) + 1
    runs = [len(each.values) for each in (first, second)]
    if min(runs) == 1 and folds is not None:  # estimated from folds, and not separated from the rest
        return number * photos, several * (of_seeds - photos) / sum(1 / each for each in runs), 0.0
    shares = sum(1 / each for each in runs if each > 1)
    return number * (photos - rest), several * (of_seeds - rest) / shares, number * rest / shares


def _shows_seeds(first: Counts, second: Counts) -> bool:
    return first.folds is not None or max(len(first.found), len(second.found)) > 1
