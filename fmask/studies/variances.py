"""The variances of a difference between two settings, and the size of a study in which it would be found.

Shape letters: S runs of one setting (its seeds), P photos, K folds.
"""

from dataclasses import dataclass

import numpy as np

from fmask.studies.comparison import SIGNIFICANCE_LEVEL
from fmask.studies.spread import Spread
from fmask.studies.statistics import Difference
from fmask.utils.errors import UserError

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
    alpha: float = SIGNIFICANCE_LEVEL
    """The probability of a wrong verdict in all comparisons together, if there are no differences."""

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
        return self.alpha / self.comparisons


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
            return Spread(of_photos, (between,), of_photos, (free, (parts - 1,), free), single=True)
        each, degrees = self.seeds / seeds / parts + of_rest, (seeds - 1) * parts
        return Spread(of_photos, (each, each), 2 * of_rest, (free, (degrees, degrees), 2 * (seeds - 1) * free))

    def detectable(self, question: Question, seeds: int, photos: np.ndarray, folds: int | None) -> np.ndarray:
        """Return the smallest difference that a study of this size finds with the power of the question.

        The result has the shape of `photos`, and is infinite if a study of this size cannot decide.
        """
        if seeds == 1 and folds is None:
            return np.full(photos.shape, np.inf)
        variance, degrees = self.spread(seeds, photos, folds).total()
        none = np.zeros_like(variance)
        expected = Difference(none, np.sqrt(variance), degrees, photos, higher=none, skewness=none)
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
