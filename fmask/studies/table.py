"""The table of a study: one row for each setting, its seeds pooled, compared with a baseline and published results."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from statistics import mean, stdev

import numpy as np

from fmask.evaluation.outcomes import Outcome, Rate
from fmask.studies.missing import check_artifacts, without_artifacts
from fmask.studies.published import ONE_PART, Published, read_published
from fmask.studies.runs import Study, StudyRun
from fmask.studies.statistics import holm, paired_test, pooled_rate
from fmask.utils.errors import UserError

NOT_SET = "-"
"""Shown for a setting that a row does not have, such as a setting of the second part of a one-part training."""
SIGNIFICANCE_LEVEL = 0.05
"""Differences with a smaller adjusted p-value are called better or worse, others undecided."""
FACTORS = ("recipe", "backbone", "weights", "schedule", "aug", "steps", "val_steps", "epochs", "batch_size", "lr")
"""The settings that studies usually vary: they are the first columns, and shown even if the recipe determines them."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of a row with the baseline, on the same objects."""

    difference: float
    """This row's accuracy minus the baseline's."""
    p: float
    """P-value of the exact, two-sided test paired by object (`paired_test`)."""
    adjusted_p: float
    """The p-value, adjusted by Holm's method for the number of compared rows."""

    @property
    def verdict(self) -> str:
        """The result of the test: better, worse or undecided."""
        if self.adjusted_p >= SIGNIFICANCE_LEVEL:
            return "undecided"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Row:
    """One setting, with the counts of all its runs added up."""

    number: int
    """From 1, in the order in which the settings were first run, so that a new setting changes no existing number."""
    settings: tuple[str, ...]
    """The values of the table's columns."""
    runs: int
    found: int
    wrong: int
    missed: int
    spurious: int
    accuracy: Rate
    precision: Rate
    val_mask_ap50: float
    """Mean over the runs that logged it; NaN if no run did."""
    val_mask_ap50_sd: float
    """Standard deviation between runs; NaN for fewer than two runs."""
    cpu_seconds: float
    """Mean over the runs that logged it; NaN if no run did."""
    published: tuple[Published, ...]
    """The trainings of the published study with the same setting."""
    comparison: Comparison | None
    """None for the baseline."""


@dataclass(frozen=True)
class StudyTable:
    """The rows of a study, and the facts that they share."""

    study: str
    confidence: float
    """Detections with a lower score were not counted."""
    baseline: int
    """Number of the row that the others are compared with."""
    columns: tuple[str, ...]
    """The settings that differ between rows, each by its shortest unambiguous name."""
    implied: tuple[str, ...]
    """Settings that also differ, but are determined by the recipe or the schedule."""
    recipe: str | None
    """The recipe of all rows; None if they have several, which `columns` then shows, or if it was not logged."""
    rows: tuple[Row, ...]
    data: str
    """The test data, as `name@digest`."""
    objects: int
    """Number of annotated objects in the test photos."""
    photos: int
    """Number of test photos with annotated objects."""
    left_out: dict[str, int]
    """Number of runs that are not in the table, by reason."""


def tabulate(study: Study, confidence: float = 0.9, baseline: int = 1, data: str | None = None) -> StudyTable:
    """Build the table of a study.

    Args:
        study: the study's runs.
        confidence: 0.5 or 0.9; detections with a lower score do not count.
        baseline: number of the row that the others are compared with.
        data: use only runs on this data, the `name` or `name@digest` of any of their splits; None: all runs.

    Raises:
        UserError: no run is left, the runs are on different data or objects, or there is no row `baseline`.
    """
    chosen = [run for run in study.runs if data is None or _uses(run, data)]
    runs = [run for run in chosen if run.counts and confidence in run.scores]
    if not runs:
        check_artifacts(study.name, chosen)
        states = ", ".join(f"{count} {status}" for status, count in Counter(r.status for r in chosen).items())
        on = f" on {data}" if data else ""
        raise UserError(
            f"The study {study.name!r} has no finished run with test scores{on}; runs{on}: {states or 'none'}."
        )
    _check_same_data(study.name, runs)
    objects = _common_objects(runs, confidence)
    groups, repeated = _by_setting(runs)
    if not 1 <= baseline <= len(groups):
        raise UserError(f"The baseline must be a row from 1 to {len(groups)}, not {baseline}.")

    keys, implied = _differing([group[0].params for group in groups])
    outcomes = [_outcomes(group, objects, confidence) for group in groups]
    comparisons = _compare([each == Outcome.FOUND for each in outcomes], baseline - 1)
    published = read_published()
    left_out = Counter(
        run.status.lower() if run.status != "FINISHED" else "finished without test scores"
        for run in chosen
        if run not in runs and not run.missing_artifacts
    )
    left_out.update(without_artifacts(chosen))
    if repeated:
        left_out["repeated later with the same settings and seed"] = repeated
    return StudyTable(
        study=study.name,
        confidence=confidence,
        baseline=baseline,
        columns=_short(keys),
        implied=implied,
        recipe=None if "recipe" in keys else runs[0].params.get("recipe"),
        rows=tuple(
            _row(number, *each, keys, confidence, published)
            for number, each in enumerate(zip(groups, outcomes, comparisons, strict=True), start=1)
        ),
        data=runs[0].data.get("test", "not logged"),
        objects=len(objects),
        photos=len({photo for photo, _ in objects}),
        left_out=dict(left_out),
    )


def _uses(run: StudyRun, data: str) -> bool:
    """Return whether a run is on `data`; True for a run that ended before it logged its data."""
    return not run.data or any(label == data or label.startswith(f"{data}@") for label in run.data.values())


def _check_same_data(study: str, runs: Sequence[StudyRun]) -> None:
    first = runs[0]
    for run in runs:
        for split in sorted({*first.data, *run.data}):
            expected, actual = (each.data.get(split, "not logged") for each in (first, run))
            if expected != actual:
                raise UserError(
                    f"The study {study!r} has runs on different data, which one table cannot compare: {split} is "
                    f"{expected} in run {first.id} and {actual} in run {run.id}; choose one of them with --data."
                )


def _common_objects(runs: Sequence[StudyRun], confidence: float) -> list[tuple[str, int]]:
    first = runs[0].scores[confidence].outcomes
    for run in runs:
        if odd := first.keys() ^ run.scores[confidence].outcomes.keys():
            photo, region = min(odd)
            raise UserError(
                f"Runs {runs[0].id} and {run.id} were scored on different objects: only one of them has region "
                f"{region} of {photo}."
            )
    return sorted(first)


def _by_setting(runs: Sequence[StudyRun]) -> tuple[list[list[StudyRun]], int]:
    """Group runs by their settings, with the newest run of each seed.

    A repeated seed gives the same scores again, so it is not another observation.

    Returns:
        The groups, and the number of runs that are left out.
    """
    newest: dict[tuple[frozenset[tuple[str, str]], str | None], StudyRun] = {}
    starts: dict[frozenset[tuple[str, str]], datetime] = {}
    for run in sorted(runs, key=lambda run: run.started):
        setting = frozenset((key, value) for key, value in run.params.items() if key != "seed")
        starts.setdefault(setting, run.started)
        newest[setting, run.params.get("seed")] = run
    groups = [[run for (key, _), run in newest.items() if key == setting] for setting in starts]
    return groups, len(runs) - len(newest)


def _differing(settings: Sequence[dict[str, str]]) -> tuple[list[str], tuple[str, ...]]:
    """Return the params that differ between settings.

    Params of augmenters are left out if the name of their `aug` determines them.

    Returns:
        The params to show, and those that the recipe or the schedule determines.
    """

    def values(key: str) -> list[str | None]:
        return [each.get(key) for each in settings]

    def is_determined_by(other: str, key: str) -> bool:
        return len(set(zip(values(other), values(key), strict=True))) == len(set(values(other)))

    def is_implied(key: str) -> bool:
        always_shown = key in FACTORS or key.endswith(".aug")
        return not always_shown and any(
            other in keys and is_determined_by(other, key) for other in ("recipe", "schedule")
        )

    every = {key for each in settings for key in each} - {"seed"}
    keys = [key for key in sorted(every, key=_importance) if len(set(values(key))) > 1]
    keys = [key for key in keys if not (key.endswith(".augmenters") and is_determined_by(key.rpartition(".")[0], key))]
    implied = tuple(filter(is_implied, keys))
    return [key for key in keys if key not in implied], implied


def _importance(key: str) -> tuple[int, str]:
    return (FACTORS.index(key) if key in FACTORS else len(FACTORS), key)


def _short(keys: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest suffix of each dotted key that no other key has."""

    def ends(key: str) -> list[str]:
        parts = key.split(".")
        return [".".join(parts[first:]) for first in range(len(parts) - 1, -1, -1)]

    taken = Counter(end for key in keys for end in ends(key))
    return tuple(next((end for end in ends(key) if taken[end] == 1), key) for key in keys)


def _outcomes(runs: Sequence[StudyRun], objects: Sequence[tuple[str, int]], confidence: float) -> np.ndarray:
    """Return the outcome of each object in each run, as text, (S, N)."""
    return np.array([[str(run.scores[confidence].outcomes[each]) for each in objects] for run in runs])


def _compare(found: Sequence[np.ndarray], baseline: int) -> list[Comparison | None]:
    others = [i for i in range(len(found)) if i != baseline]
    tests = [paired_test(found[baseline], found[i]) for i in others]
    adjusted = holm([p for _, p in tests])
    comparisons: list[Comparison | None] = [None] * len(found)
    for i, (difference, p), adjusted_p in zip(others, tests, adjusted, strict=True):
        comparisons[i] = Comparison(difference, p, adjusted_p)
    return comparisons


def _row(
    number: int,
    runs: Sequence[StudyRun],
    outcomes: np.ndarray,
    comparison: Comparison | None,
    keys: Sequence[str],
    confidence: float,
    published: Sequence[tuple[dict[str, str], Published]],
) -> Row:
    params = runs[0].params
    found, wrong, missed = (outcomes == each for each in Outcome)
    average_precision = [run.val_mask_ap50 for run in runs if run.val_mask_ap50 is not None]
    cpu_seconds = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    return Row(
        number=number,
        settings=tuple(params.get(key, NOT_SET) for key in keys),
        runs=len(runs),
        found=int(found.sum()),
        wrong=int(wrong.sum()),
        missed=int(missed.sum()),
        spurious=sum(run.scores[confidence].spurious for run in runs),
        accuracy=pooled_rate(found, np.ones_like(found)),
        precision=pooled_rate(found, found | wrong),
        val_mask_ap50=mean(average_precision) if average_precision else nan,
        val_mask_ap50_sd=stdev(average_precision) if len(average_precision) > 1 else nan,
        cpu_seconds=mean(cpu_seconds) if cpu_seconds else nan,
        published=tuple(results for setting, results in published if setting.items() <= {**ONE_PART, **params}.items()),
        comparison=comparison,
    )
