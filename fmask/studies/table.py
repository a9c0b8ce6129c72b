"""From runs to rows: one row a setting, its seeds pooled, compared with a baseline and with what was published."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, stdev

import numpy as np

from fmask.evaluation.outcomes import Outcome, Rate
from fmask.studies.published import SCHEDULE, Published, read_published
from fmask.studies.runs import Study, StudyRun
from fmask.studies.statistics import holm, paired_test, pooled_rate
from fmask.utils.errors import UserError

UNSAID = "-"
"""Stands for a setting that a row does not have, such as that of a part where there is one part."""
LEVEL = 0.05
"""Differences with a smaller adjusted p are called better or worse, others undecided."""
FACTORS = ("recipe", "backbone", "weights", "schedule", "aug", "steps", "val_steps", "epochs", "batch_size", "lr")
"""What is mostly studied: the first columns, and shown even where they follow the recipe."""


@dataclass(frozen=True)
class Comparison:
    """A row against the baseline, on the same objects."""

    difference: float
    """This row's accuracy minus the baseline's."""
    p: float
    """Exact, two-sided, paired by object (`paired_test`)."""
    adjusted_p: float
    """Holm's, for the number of rows compared."""

    @property
    def verdict(self) -> str:
        """In words."""
        if self.adjusted_p >= LEVEL:
            return "undecided"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Row:
    """One setting: what its runs made of the test objects, added up."""

    number: int
    """From 1; settings are in the order in which they were first run, so that a new one changes no number."""
    settings: tuple[str, ...]
    """One value for each of the table's columns."""
    runs: int
    found: int
    wrong: int
    missed: int
    spurious: int
    accuracy: Rate
    precision: Rate
    val_mask_ap50: float
    """Mean over the runs; NaN where none logged it, as for the others below."""
    val_mask_ap50_sd: float
    """Standard deviation between runs; NaN for one."""
    cpu_seconds: float
    """Mean of a run."""
    published: tuple[Published, ...]
    """All published trainings with the same setting."""
    comparison: Comparison | None
    """None for the baseline."""


@dataclass(frozen=True)
class StudyTable:
    """A study as rows, with what has to be known of them."""

    study: str
    confidence: float
    """Detections scored lower were not counted."""
    baseline: int
    """Number of the row that the others are compared with."""
    columns: tuple[str, ...]
    """The settings that differ between rows, by the shortest name that tells them apart."""
    implied: tuple[str, ...]
    """Settings that differ as well, but only as the recipe or the schedule does."""
    rows: tuple[Row, ...]
    data: str
    """The test data, `name@digest`."""
    objects: int
    photos: int
    left_out: dict[str, int]
    """Why runs take no part, to how many."""


def tabulate(study: Study, confidence: float = 0.9, baseline: int = 1, data: str | None = None) -> StudyTable:
    """The study's table.

    Args:
        confidence: 0.5 or 0.9; detections scored lower do not count.
        baseline: number of the row that the others are compared with.
        data: only the runs on this data, `name` or `name@digest` of any split.

    Raises:
        UserError: no run is left, the runs are on different data, or there is no row `baseline`.
    """
    chosen = [run for run in study.runs if data is None or _uses(run, data)]
    runs = [run for run in chosen if run.counts and confidence in run.scores]
    if not runs:
        states = ", ".join(f"{count} {status}" for status, count in Counter(r.status for r in chosen).items())
        on = f" on {data}" if data else ""
        raise UserError(
            f"The study {study.name!r} has no finished run with test scores{on}; its runs{on}: {states or 'none'}."
        )
    _refuse_mixed_data(study.name, runs)
    objects = _common_objects(runs, confidence)
    groups, repeated = _by_setting(runs)
    if not 1 <= baseline <= len(groups):
        raise UserError(f"There is no row {baseline} to compare with: the table has rows 1 to {len(groups)}.")

    keys, implied = _differing([group[0].params for group in groups])
    outcomes = [_outcomes(group, objects, confidence) for group in groups]
    comparisons = _compare([each == Outcome.FOUND for each in outcomes], baseline - 1)
    published = read_published()
    left_out = Counter(
        run.status.lower() if run.status != "FINISHED" else "finished without test scores"
        for run in chosen
        if run not in runs
    )
    if repeated:
        left_out["repeated later with the same settings and seed"] = repeated
    return StudyTable(
        study=study.name,
        confidence=confidence,
        baseline=baseline,
        columns=_short(keys),
        implied=implied,
        rows=tuple(
            _row(number, group, keys, confidence, what, comparison, published)
            for number, (group, what, comparison) in enumerate(zip(groups, outcomes, comparisons, strict=True), start=1)
        ),
        data=runs[0].data.get("test", "not logged"),
        objects=len(objects),
        photos=len({photo for photo, _ in objects}),
        left_out=dict(left_out),
    )


def _uses(run: StudyRun, data: str) -> bool:
    """Whether a run is on `data`; one that ended before it said so may be."""
    return not run.data or any(label == data or label.startswith(f"{data}@") for label in run.data.values())


def _refuse_mixed_data(study: str, runs: Sequence[StudyRun]) -> None:
    first = runs[0]
    for run in runs:
        for split in sorted({*first.data, *run.data}):
            ours, theirs = (each.data.get(split, "not logged") for each in (first, run))
            if ours != theirs:
                raise UserError(
                    f"The study {study!r} has runs on different data, which share no table: {split} is {ours} in run "
                    f"{first.id} and {theirs} in run {run.id}; choose one with --data."
                )


def _common_objects(runs: Sequence[StudyRun], confidence: float) -> list[tuple[str, int]]:
    first = runs[0].scores[confidence].outcomes
    for run in runs:
        if odd := first.keys() ^ run.scores[confidence].outcomes.keys():
            photo, region = min(odd)
            raise UserError(
                f"Runs {runs[0].id} and {run.id} were scored on different objects: only one has region {region} of "
                f"{photo}."
            )
    return sorted(first)


def _by_setting(runs: Sequence[StudyRun]) -> tuple[list[list[StudyRun]], int]:
    """Runs of the same settings together, the newest of each seed, and how many that leaves out.

    The same seed gives the same scores again, so a repeated run is no second observation.
    """
    newest: dict[tuple[frozenset[tuple[str, str]], str | None], StudyRun] = {}
    starts: dict[frozenset[tuple[str, str]], datetime] = {}
    for run in sorted(runs, key=lambda run: run.started):
        setting = frozenset((key, value) for key, value in run.params.items() if key != "seed")
        starts.setdefault(setting, run.started)
        newest[setting, run.params.get("seed")] = run
    groups = [[run for (of, _), run in newest.items() if of == setting] for setting in starts]
    return groups, len(runs) - len(newest)


def _differing(settings: Sequence[dict[str, str]]) -> tuple[list[str], tuple[str, ...]]:
    """The params to show, and those that differ only as the recipe or the schedule does.

    Left out altogether are augmenters, which the name of their `aug` tells.
    """

    def values(key: str) -> list[str | None]:
        return [each.get(key) for each in settings]

    def follows(key: str, other: str) -> bool:
        return len(set(zip(values(other), values(key), strict=True))) == len(set(values(other)))

    def is_implied(key: str) -> bool:
        free = key in FACTORS or key.endswith(".aug")
        return not free and any(leader in keys and follows(key, leader) for leader in ("recipe", "schedule"))

    every = {key for each in settings for key in each} - {"seed"}
    keys = [key for key in sorted(every, key=_importance) if len(set(values(key))) > 1]
    keys = [key for key in keys if not (key.endswith(".augmenters") and follows(key, key.rpartition(".")[0]))]
    implied = tuple(filter(is_implied, keys))
    return [key for key in keys if key not in implied], implied


def _importance(key: str) -> tuple[int, str]:
    return (FACTORS.index(key) if key in FACTORS else len(FACTORS), key)


def _short(keys: Sequence[str]) -> tuple[str, ...]:
    """Each dotted key's shortest end that no other key has."""

    def ends(key: str) -> list[str]:
        parts = key.split(".")
        return [".".join(parts[first:]) for first in range(len(parts) - 1, -1, -1)]

    taken = Counter(end for key in keys for end in ends(key))
    return tuple(next((end for end in ends(key) if taken[end] == 1), key) for key in keys)


def _outcomes(runs: Sequence[StudyRun], objects: Sequence[tuple[str, int]], confidence: float) -> np.ndarray:
    """(S, N) words: what each run made of each object."""
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
    keys: Sequence[str],
    confidence: float,
    outcomes: np.ndarray,
    comparison: Comparison | None,
    published: Sequence[tuple[dict[str, str], Published]],
) -> Row:
    params = runs[0].params
    found, wrong, missed = (outcomes == each for each in Outcome)
    average_precision = [run.val_mask_ap50 for run in runs if run.val_mask_ap50 is not None]
    cpu_seconds = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    nothing = float("nan")
    return Row(
        number=number,
        settings=tuple(params.get(key, UNSAID) for key in keys),
        runs=len(runs),
        found=int(found.sum()),
        wrong=int(wrong.sum()),
        missed=int(missed.sum()),
        spurious=sum(run.scores[confidence].spurious for run in runs),
        accuracy=pooled_rate(found, np.ones_like(found)),
        precision=pooled_rate(found, found | wrong),
        val_mask_ap50=mean(average_precision) if average_precision else nothing,
        val_mask_ap50_sd=stdev(average_precision) if len(average_precision) > 1 else nothing,
        cpu_seconds=mean(cpu_seconds) if cpu_seconds else nothing,
        published=tuple(facts for of, facts in published if of.items() <= {**SCHEDULE, **params}.items()),
        comparison=comparison,
    )
