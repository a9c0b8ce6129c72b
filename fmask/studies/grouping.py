"""The runs of a table: by setting and seed, scored on the same objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fmask.studies.choice import choose_confidence, common_objects, test_data
from fmask.studies.counts import Counts, count
from fmask.studies.folds import SeedScores, complete_seeds, pool_folds, unit_of
from fmask.studies.runs import StudyRun
from fmask.studies.settings import by_setting
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class GroupedRuns:
    """The runs on one data set that were scored at one confidence."""

    confidence: float
    scored: list[StudyRun]
    """The runs that were scored at this confidence."""
    groups: list[list[SeedScores]]
    """For each setting, its seeds. The folds of a seed are pooled."""
    counts: list[Counts]
    """The counts of each setting."""
    objects: list[tuple[str, int]]
    """The annotated objects, each by its photo and region."""
    repeated: int
    """Number of runs that were left out because a later run has the same settings and seed."""
    incomplete: Mapping[str, int]
    """The seeds that were left out because they lack folds: the reason, and the number of their runs."""


def group_runs(study: str, runs: Sequence[StudyRun], confidence: float | None) -> GroupedRuns:
    """Group the runs of a study by setting and seed.

    Args:
        study: the study's name, for messages.
        runs: scored runs on one data set, at least one.
        confidence: detections with a lower score do not count; None: the `min_confidence` of the runs.

    Raises:
        UserError: no seed has a run for each fold, the runs differ in their objects, or the confidence cannot be used.
    """
    confidence = choose_confidence(study, runs, confidence)
    scored = [run for run in runs if confidence in run.scores]
    chosen, repeated = by_setting(scored)
    complete, incomplete = complete_seeds(chosen)
    if not complete:
        on = test_data(runs[0]) or "data that was not logged"
        raise UserError(f"The study {study!r} has no seed with a run for each fold on {on}: {'; '.join(incomplete)}.")
    groups = [[pool_folds(seed, confidence) for seed in setting] for setting in complete]
    objects = common_objects([seed for group in groups for seed in group])
    unit = unit_of([seed for group in groups for seed in group])
    counts = [count(group, objects, unit) for group in groups]
    return GroupedRuns(confidence, scored, groups, counts, objects, repeated, incomplete)
