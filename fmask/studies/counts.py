"""The counts of the runs of one setting in each photo, or in each group of photos, and their rates."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fmask.evaluation.outcomes import Outcome, Rate
from fmask.studies.folds import SeedScores
from fmask.studies.statistics import Difference, pooled_rate, rate_difference


@dataclass(frozen=True)
class Counts:
    """Counts of S runs in each of the P photos with objects, int (S, P) each.

    Photos of one group (`StudyRun.groups`) count as one photo: they are no independent samples.
    """

    found: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray
    spurious: int
    """Number of spurious detections in all runs and photos."""
    other: np.ndarray
    """(S, Q), detections that are not the only one of a found object: the first P columns are those in the photos with
    objects, the others are those in photos without. Where the photos are unknown, each spurious detection has a column.
    """
    folds: np.ndarray | None = None
    """(Q,), the fold that each of these photos is in, from 0; None without folds."""

    @property
    def object_folds(self) -> np.ndarray | None:
        """The fold of each photo with objects, (P,); None without folds."""
        return None if self.folds is None else self.folds[: self.found.shape[1]]

    @property
    def objects(self) -> np.ndarray:
        """The number of objects in each photo, (P,)."""
        return self.found[0] + self.wrong[0] + self.missed[0]

    @property
    def accuracy(self) -> Rate:
        """The share of found objects among all objects."""
        return _rate(self.found, np.broadcast_to(self.objects, self.found.shape), self.object_folds)

    @property
    def precision(self) -> Rate:
        """The share of found objects among those that are not missed: the published study's precision."""
        return _rate(self.found, self.found + self.wrong, self.object_folds)

    @property
    def precision_all(self) -> Rate:
        """The share of right detections among all detections."""
        found = np.pad(self.found, ((0, 0), (0, self.other.shape[1] - self.found.shape[1])))
        return _rate(found, found + self.other, self.folds)


def count(seeds: Sequence[SeedScores], objects: Sequence[tuple[str, int]], unit: Callable[[str], str] = str) -> Counts:
    """Count the outcomes and detections of a setting by photo.

    Args:
        seeds: the seeds of the setting, scored at the same confidence.
        objects: the objects, each by its photo and region, that all seeds were scored on.
        unit: the function from a photo to the unit that it belongs to (`unit_of`), which counts as one photo; by
            default, each photo is its own.
    """
    runs = [seed.scored for seed in seeds]
    photos = list(dict.fromkeys(unit(photo) for photo, _ in objects))
    counts = [Counter((unit(photo), outcome) for (photo, _), outcome in run.outcomes.items()) for run in runs]
    found, wrong, missed = (
        np.array([[each[photo, outcome] for photo in photos] for each in counts]) for outcome in Outcome
    )
    folds = None
    if all(run.detections is not None for run in runs):
        detections = [Counter[str]() for _ in runs]
        for run, each in zip(runs, detections, strict=True):
            for photo, number in (run.detections or {}).items():
                each[unit(photo)] += number
        rest = sorted({photo for each in detections for photo in each} - set(photos))
        other = np.array([[each[photo] for photo in (*photos, *rest)] for each in detections])
        other[:, : len(photos)] -= found
        if fold_of := {unit(photo): fold for seed in seeds for photo, fold in (seed.folds or {}).items()}:
            folds = np.array([fold_of[photo] for photo in (*photos, *rest)])
    else:
        # Each object found wrongly has at least one detection, and each spurious detection is in an unknown photo.
        owner = np.repeat(np.arange(len(runs)), [run.spurious for run in runs])
        other = np.hstack([wrong, owner == np.arange(len(runs))[:, None]])
    return Counts(found, wrong, missed, sum(run.spurious for run in runs), other, folds)


def accuracy_difference(first: Counts, second: Counts) -> Difference:
    """Compare the accuracies of two settings on the same photos."""
    return rate_difference(first.found, second.found, first.objects, first.object_folds)


def _rate(hits: np.ndarray, trials: np.ndarray, folds: np.ndarray | None) -> Rate:
    return Rate(*map(float, pooled_rate(hits, trials, folds)))
