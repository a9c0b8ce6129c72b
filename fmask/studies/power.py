"""The size of a study that finds a difference of a given size, planned from the variances of another study."""

from dataclasses import dataclass
from math import isnan, nan

from fmask.studies.choice import test_data
from fmask.studies.counts import accuracy_difference
from fmask.studies.pilot import read_variances
from fmask.studies.runs import Study
from fmask.studies.variances import Question, Variances

SEEDS = (1, 3, 5)
"""The numbers of seeds that are planned for."""
FOLDS = 5
"""The number of folds that is planned for if the study has none: the default of `data.folds`."""


@dataclass(frozen=True)
class Size:
    """A planned study that compares settings with a baseline."""

    seeds: int
    """For each setting."""
    folds: int | None
    photos: int | None
    """Number of test photos with objects; None if no number up to `MOST_PHOTOS` suffices."""
    objects: int | None
    runs: int
    """Of all settings, the baseline included."""
    cpu_hours: float
    """Of all runs, at the mean CPU time of the study's runs; NaN if they did not log it."""
    reason: str
    """Why no number of photos suffices; empty if one does."""


@dataclass(frozen=True)
class Plan:
    """The sizes of studies that find a difference, and the variances that they are planned from."""

    question: Question
    study: str
    data: str
    """The test data of the study, as `name@digest`."""
    confidence: float
    rows: int
    """Number of settings in the study."""
    photos: int
    """Number of its test photos with objects."""
    objects: int
    variances: Variances
    """Mean over the rows that can be compared with the baseline."""
    seen: tuple[float, float]
    """The smallest difference that the study itself could have found, in its best and in its worst comparison; NaN if
    each comparison has a setting with one seed."""
    sizes: tuple[Size, ...]


def plan(
    study: Study,
    question: Question,
    confidence: float | None = None,
    baseline: int = 1,
    data: str | None = None,
) -> Plan:
    """Plan studies that answer a question, from the variances of a study.

    Args:
        study: its runs; those on the data of the latest run are used.
        question: what the planned study is to find.
        confidence: detections with a lower score do not count; None: the `min_confidence` of the runs.
        baseline: the row of the study's table that the others are compared with.
        data: use only runs on this data, the `name` or `name@digest` of any of their splits; None: all runs.

    Raises:
        UserError: the study does not show how much a difference varies.
    """
    pilot = read_variances(study, confidence, baseline, data)
    grouped, hours = pilot.grouped, pilot.cpu_hours
    groups, variances = grouped.groups, pilot.variances
    first, *others = pilot.counts
    pairs = [(first, each) for each in others]
    seen = [float(accuracy_difference(*pair).detectable(question.level, question.power)) for pair in pairs]
    seen = [each for each in seen if not isnan(each)] or [nan]
    study_folds = len(groups[0][0].runs) if groups[0][0].folds else FOLDS
    sizes = []
    for folds in (None, study_folds):
        for seeds in SEEDS:
            photos = variances.photos_needed(question, seeds, folds)
            number = (question.comparisons + 1) * seeds * (folds or 1)
            reason = "" if photos else variances.reason(question, seeds, folds)
            needed = None if photos is None else round(photos * pilot.objects_per_photo)
            sizes.append(Size(seeds, folds, photos, needed, number, number * hours, reason))
    on = test_data(grouped.scored[0]) or "data that was not logged"
    return Plan(
        question=question,
        study=study.name,
        data=on,
        confidence=grouped.confidence,
        rows=len(groups),
        photos=len(first.objects),
        objects=len(grouped.objects),
        variances=variances,
        seen=(min(seen), max(seen)),
        sizes=tuple(sizes),
    )
