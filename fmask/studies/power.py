"""The size of a study that finds a difference of a given size, planned from the variances of another study.

Shape letters: S runs of one setting (its seeds), P photos, K folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import mean

import numpy as np

from fmask.studies.choice import scored_by_data, test_data
from fmask.studies.comparison import SIGNIFICANCE_LEVEL
from fmask.studies.counts import Counts, accuracy_difference
from fmask.studies.grouping import group_runs
from fmask.studies.runs import Study
from fmask.studies.spread import Spread, spread
from fmask.studies.statistics import Difference, rate_deviations
from fmask.utils.errors import UserError

SEEDS = (1, 3, 5)
"""The numbers of seeds that are planned for."""
FOLDS = 5
"""The number of folds that is planned for if the study has none: the default of `data.folds`."""
MOST_PHOTOS = 100_000
"""Plans that need more photos are not searched for."""


@dataclass(frozen=True)
class Question:
    """What a planned study is to find."""

    difference: float = 0.05
    """The true difference of accuracy, between 0 and 1."""
    power: float = 0.8
    """The probability of finding it, at least 0.5 and below 1."""
    comparisons: int = 1
    """Number of settings that are compared with the baseline; the test is the first of Holm's."""

    def __post_init__(self) -> None:
        if not 0 < self.difference < 1:
            raise UserError(f"--difference must be between 0 and 1, such as 0.05, not {self.difference:g}.")
        if not 0.5 <= self.power < 1:
            raise UserError(f"--power must be at least 0.5 and below 1, not {self.power:g}.")
        if self.comparisons < 1:
            raise UserError(f"--comparisons must be at least 1, not {self.comparisons}.")

    @property
    def level(self) -> float:
        """The level of the two-sided test."""
        return SIGNIFICANCE_LEVEL / self.comparisons


@dataclass(frozen=True)
class Variances:
    """The variance of a difference of accuracy between two settings, from each source."""

    photos: float
    """Of one photo: how much more it suits one setting than the other."""
    seeds: float
    """Of one run of either setting: its seed's luck on all photos."""
    rest: float
    """Of one run of either setting on one photo."""

    def spread(self, seeds: int, photos: np.ndarray, folds: int | None) -> Spread:
        """Return the expected variances in a study of this size, as `fmask.studies.spread.spread` estimates them.

        Args:
            seeds: S, for each setting; at least 2 without folds.
            photos: P, at least 2, of any shape.
            folds: K; None: all networks are scored on all photos.
        """
        free, parts = photos - 1, folds or 1
        of_rest = self.rest / seeds / photos
        of_photos = self.photos / photos + 2 * of_rest
        if seeds == 1:
            between = 2 * self.seeds / parts + of_photos
            return Spread(of_photos, (between,), of_photos, (free, (parts - 1,), free))
        each, degrees = self.seeds / seeds / parts + of_rest, (seeds - 1) * parts
        return Spread(of_photos, (each, each), 2 * of_rest, (free, (degrees, degrees), 2 * (seeds - 1) * free))

    def detectable(self, question: Question, seeds: int, photos: np.ndarray, folds: int | None) -> np.ndarray:
        """Return the smallest difference that a study of this size finds with the power of the question.

        The result has the shape of `photos`, and is infinite if a study of this size cannot decide.
        """
        if seeds == 1 and folds is None:
            return np.full(photos.shape, np.inf)
        variance, degrees = self.spread(seeds, photos, folds).total()
        expected = Difference(np.zeros_like(variance), np.sqrt(variance), degrees, photos)
        return expected.detectable(question.level, question.power)

    def photos_needed(self, question: Question, seeds: int, folds: int | None) -> int | None:
        """Return the smallest number of photos that suffices; None if `MOST_PHOTOS` do not."""
        # All numbers are tried: more photos leave fewer degrees of freedom if the seeds then decide.
        photos = np.arange(max(2, folds or 2), MOST_PHOTOS + 1)
        enough = self.detectable(question, seeds, photos, folds) <= question.difference
        return int(photos[np.argmax(enough)]) if enough.any() else None

    def reason(self, question: Question, seeds: int, folds: int | None) -> str:
        """Return why no number of photos suffices."""
        plural = f"{seeds} seed{'s' * (seeds > 1)}"
        if seeds == 1 and folds is None:
            return f"not with {plural}: one run does not show how much seeds differ"
        alone = Variances(0.0, self.seeds, 0.0).detectable(question, seeds, np.array(MOST_PHOTOS), folds)
        if alone > question.difference:
            return f"not with {plural}: seeds differ too much, however many photos"
        return f"more than {MOST_PHOTOS} photos"


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
    first = counts.pop(baseline - 1)
    pairs = [(first, each) for each in counts if _shows_seeds(first, each)]
    if not pairs:
        raise UserError(f"{name} has one seed for each setting, which does not show how much seeds differ; add a seed.")
    seen = [float(accuracy_difference(*pair).detectable(question.level, question.power)) for pair in pairs]
    seen = [each for each in seen if not isnan(each)] or [nan]
    cpu = [run.cpu_seconds for run in grouped.scored if run.cpu_seconds is not None]
    variances = variances_of(pairs)
    per_photo = len(grouped.objects) / len(first.objects)
    hours = mean(cpu) / 3600 if cpu else nan
    study_folds = len(groups[0][0].runs) if groups[0][0].folds else FOLDS
    sizes = []
    for folds in (None, study_folds):
        for seeds in SEEDS:
            photos = variances.photos_needed(question, seeds, folds)
            number = (question.comparisons + 1) * seeds * (folds or 1)
            reason = "" if photos else variances.reason(question, seeds, folds)
            needed = None if photos is None else round(photos * per_photo)
            sizes.append(Size(seeds, folds, photos, needed, number, number * hours, reason))
    on = test_data(runs[0]) or "data that was not logged"
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


def variances_of(pairs: Sequence[tuple[Counts, Counts]]) -> Variances:
    """Estimate the variances of a difference, as the mean over pairs of settings; none is below 0.

    A pair in which both settings have a single seed must have folds. The photos' variance then contains the rest.
    """
    found = np.array([_variances(*pair) for pair in pairs])
    return Variances(*np.maximum(found.mean(axis=0), 0).tolist())


def _variances(first: Counts, second: Counts) -> tuple[float, float, float]:
    objects, folds = first.objects, first.object_folds
    settings = [rate_deviations(each.found, objects) for each in (first, second)]
    parts = spread(settings, objects, folds)
    photos, number = float(parts.photos), len(objects)
    of_seeds, rest = float(sum(parts.seeds)), float(parts.rest)
    several = 1 if folds is None else int(folds.max()) + 1
    runs = [len(each) for each in settings]
    if min(runs) == 1 and folds is not None:  # estimated from folds, and not separated from the rest
        return number * photos, several * (of_seeds - photos) / sum(1 / each for each in runs), 0.0
    shares = sum(1 / each for each in runs if each > 1)
    return number * (photos - rest), several * (of_seeds - rest) / shares, number * rest / shares


def _shows_seeds(first: Counts, second: Counts) -> bool:
    return first.folds is not None or max(len(first.found), len(second.found)) > 1
