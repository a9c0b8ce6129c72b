"""Runs of a study whose artifacts, and with them the scores, are not where MLflow recorded them."""

from collections.abc import Sequence

from fmask import tracking
from fmask.studies.runs import StudyRun
from fmask.utils.errors import UserError


def check_artifacts(study: str, runs: Sequence[StudyRun]) -> None:
    """Refuse runs of which none has scores, if artifacts of some are missing.

    Args:
        study: name of the study.
        runs: its runs, none of which has scores.

    Raises:
        UserError: artifacts are missing; the message names their places and how to mend it.
    """
    places = _ids_by_place(runs)
    if places:
        count = sum(map(len, places.values()))
        raise UserError(
            f"The artifacts of {count} finished {'run' if count == 1 else 'runs'} of the study {study!r}, with the "
            f"scores, are not in {' and '.join(places)}, where MLflow recorded them: {tracking.MEND}"
        )


def without_artifacts(runs: Sequence[StudyRun]) -> dict[str, int]:
    """Return the reasons why runs with missing artifacts are left out of a table, and the number of runs of each."""
    return {
        f"finished, but with artifacts that are not in {place}, where MLflow recorded them (run {', '.join(ids)})": len(
            ids
        )
        for place, ids in _ids_by_place(runs).items()
    }


def _ids_by_place(runs: Sequence[StudyRun]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for run in runs:
        if run.missing_artifacts:
            ids.setdefault(run.missing_artifacts, []).append(run.id)
    return ids
