"""The choice of runs and confidence: one table for each data set, at the confidence of its runs."""

from collections import Counter
from collections.abc import Sequence

from fmask.studies.folds import SeedScores
from fmask.studies.missing import check_artifacts
from fmask.studies.runs import Study, StudyRun
from fmask.utils.errors import UserError


def by_data(study: Study, data: str | None) -> list[list[StudyRun]]:
    """Return the scored runs of a study by data set, oldest first; the data set with the latest run is first.

    Runs have the same data set if all their splits have the same digests, or the same photos were dealt into the same
    folds. A run on a share of the training photos counts as one on all of them.

    Args:
        study: the study's runs.
        data: only runs on this data, the `name` or `name@digest` of any of their splits; None: all runs.
    """
    groups: dict[frozenset[tuple[str, str]], list[StudyRun]] = {}
    for run in study.runs:
        if run.counts and uses(run, data):
            splits = dict(run.data)
            if whole := splits.pop("train_whole", None):
                splits["train"] = whole
            dealt = run.data.get("folds")
            key = frozenset({("folds", dealt)} if dealt else splits.items())
            groups.setdefault(key, []).append(run)
    return sorted(groups.values(), key=lambda runs: runs[-1].started, reverse=True)


def uses(run: StudyRun, data: str | None) -> bool:
    """Return whether a run is on `data`; True for a run that ended before it logged its data."""
    return not data or not run.data or any(each == data or each.startswith(f"{data}@") for each in run.data.values())


def test_data(run: StudyRun) -> str:
    """Return the data that a run's table is about, as `name@digest`: its folds, or its test split."""
    return run.data.get("folds") or run.data.get("test", "")


def scored_by_data(study: Study, data: str | None) -> list[list[StudyRun]]:
    """Return the scored runs of a study by data set, as `by_data` does, at least one.

    Raises:
        UserError: no run of the study on this data has scores.
    """
    if groups := by_data(study, data):
        return groups
    chosen = [run for run in study.runs if uses(run, data)]
    check_artifacts(study.name, chosen)
    on = f" on {data}" if data else ""
    found = statuses(chosen) or "none"
    raise UserError(f"The study {study.name!r} has no finished run with test scores{on}; runs{on}: {found}.")


def choose_confidence(study: str, runs: Sequence[StudyRun], confidence: float | None) -> float:
    """Return the confidence of a table: `confidence`, or else the `min_confidence` of its runs.

    Raises:
        UserError: no run was scored at this confidence, or none is given and the runs differ in theirs.
    """
    on = f"of the study {study!r} on {test_data(runs[0]) or 'data that they did not log'}"
    own = sorted({run.min_confidence for run in runs if run.min_confidence is not None})
    if confidence is None and len(own) != 1:
        values = " and ".join(f"{each:g}" for each in own)
        differ = f"have different min_confidence, {values}" if own else "have not logged their min_confidence"
        raise UserError(f"The runs {on} {differ}: choose the confidence of the table with --confidence.")
    chosen = own[0] if confidence is None else confidence
    if not any(chosen in run.scores for run in runs):
        known = " or ".join(f"{each:g}" for each in sorted({each for run in runs for each in run.scores}))
        raise UserError(f"--confidence must be {known}, at which the runs {on} were scored, not {chosen:g}.")
    return chosen


def common_objects(seeds: Sequence[SeedScores]) -> list[tuple[str, int]]:
    """Return the annotated objects, each by its photo and region.

    Raises:
        UserError: not all seeds were scored on the same objects.
    """
    first = seeds[0]
    for seed in seeds:
        if odd := first.scored.outcomes.keys() ^ seed.scored.outcomes.keys():
            photo, region = min(odd)
            raise UserError(
                f"Runs {first.runs[0].id} and {seed.runs[0].id} were scored on different objects: only one of them has "
                f"region {region} of {photo}."
            )
    return sorted(first.scored.outcomes)


def statuses(runs: Sequence[StudyRun]) -> str:
    """Return the number of runs of each status, for a message."""
    return ", ".join(f"{count} {status}" for status, count in Counter(run.status for run in runs).items())
