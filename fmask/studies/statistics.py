"""Statistics of a study: confidence intervals of scores, and tests between two settings.

Shape letters: S runs of one setting (its seeds), P photos, K folds. Leading axes, such as those of simulated studies,
are allowed everywhere. `experiments/statistics` measures how often these functions are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit  # importing scipy.stats takes half a second

from fmask.studies.spread import spread

Z = float(ndtri(0.975))
MOST_SKEWED = 3.0
"""Largest |t| for which the correction for skewness is computed. It stays the same for larger ones, because it is the
first term of an expansion for small |t|."""


def pooled_rate(
    hits: np.ndarray, trials: np.ndarray, folds: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the rate of hits among trials over all runs, with its 95 % interval.

    With several seeds or with folds, the interval is for other photos and other seeds of the setting. With one seed
    and no folds, it is for this trained network on other photos: one run does not show how much seeds differ.

    See `interval`. The effective number of trials is at most the number of trials.

    Args:
        hits: (..., S, P), number of hits in each photo.
        trials: (..., S, P), number of trials in each photo, nowhere below `hits`.
        folds: (P,), the fold that each photo is in, from 0: its S networks differ from those of other folds. None: the
            same S networks are scored on all photos.

    Returns:
        The rate and both ends of its interval, (...); NaN without trials.
    """
    hits, trials = np.asarray(hits, float), np.asarray(trials, float)
    count = trials.sum(axis=(-2, -1))
    value = hits.sum(axis=(-2, -1)) / np.where(count > 0, count, np.nan)
    residuals = hits - np.nan_to_num(value)[..., None, None] * trials
    deviations = residuals / np.maximum(count, 1)[..., None, None] * hits.shape[-2]
    return interval(value, deviations, trials.mean(axis=-2), folds, most=count)


def interval(
    value: np.ndarray,
    deviations: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray | None = None,
    most: np.ndarray | float = np.inf,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the 95 % interval of a score in [0, 1].

    It is Wilson's score interval at the effective number of trials, at which independent trials would have the
    variance of `Spread.reach`, with its half-width in place of the normal quantile (Korn & Graubard 1998; Franco et al.
    2019). If the score is 0 or 1, or all photos have the same one, nothing shows how alike the objects of a photo are,
    and each photo counts as one trial.

    Args:
        value: (...), the score.
        deviations: (..., S, P), what each run adds in each photo to the deviation of the score; see `spread`.
        weights: (..., P); see `spread`.
        folds: (P,); see `spread`.
        most: largest effective number of trials.

    Returns:
        The score and both ends of its interval, (...).
    """
    photos = np.count_nonzero(weights, axis=-1)
    variance, reach = spread([deviations], weights, folds).reach()
    varies = (variance > 1e-12) & (value > 0) & (value < 1) & (photos > 1)
    effective = np.where(varies, np.minimum(most, value * (1 - value) / np.where(varies, variance, 1)), photos)
    quantile = np.where(varies, reach, Z)
    return value, *wilson(value, np.maximum(effective, 1e-9), quantile)


def wilson(
    value: np.ndarray | float, trials: np.ndarray | float, quantile: np.ndarray | float = Z
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the Wilson score interval (Wilson 1927) of a proportion.

    Args:
        value: the proportion, in [0, 1].
        trials: effective number of trials, positive, not necessarily an integer.
        quantile: of the normal distribution for a 95 % interval, or of Student's t.

    Returns:
        Lower and upper end of the interval, in [0, 1].
    """
    square = np.asarray(quantile) ** 2
    centre = (value + square / (2 * trials)) / (1 + square / trials)
    half = quantile / (1 + square / trials) * np.sqrt(value * (1 - value) / trials + square / (4 * trials**2))
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


@dataclass(frozen=True)
class Difference:
    """The difference of a score between two settings on the same P photos; each field of shape (...)."""

    value: np.ndarray
    """The second setting's score minus the first's."""
    error: np.ndarray
    """Its standard error for other photos and other seeds; NaN if a setting has one run and there are no folds."""
    degrees: np.ndarray
    """Degrees of freedom of the error."""
    photos: np.ndarray
    """P, without photos that do not count."""
    higher: np.ndarray
    """The higher of the two scores, in [0, 1]."""
    skewness: np.ndarray
    """Skewness of the error, from the photos' differences."""

    def p(self) -> np.ndarray:
        """Return the p-value of a two-sided t-test that there is no difference.

        With few photos it is not below 2^(1 - P), the smallest that the exact sign-flip test by photo can have.
        """
        return np.clip(2 * stdtr(self.degrees, -self._over_error(np.abs(self.value))), 2.0 ** (1 - self.photos), 1)

    def equivalence_p(self, margin: float) -> np.ndarray:
        """Return the p-value of two one-sided t-tests (Schuirmann 1987) that the difference is `margin` or more.

        A small one shows that the settings differ by less than `margin`, in either direction. It is at least 2^-P.

        Near 1, a score that is high by chance has a small error by chance too. So the error is that of settings that
        differ by `margin`, as in a score test (Farrington & Manning 1990): it grows with the binomial variances of the
        two scores if the lower one is moved to `margin` below the higher. And the statistic is corrected for the
        skewness of the photos' differences (Johnson 1978), in the direction that makes the test stricter. Settings that
        find exactly the same have the smallest error with which they can differ by `margin`, each photo as one trial.
        """
        lower, boundary = self.higher - np.abs(self.value), np.clip(self.higher - margin, 0, 1)
        observed = _bernoulli(self.higher) + _bernoulli(lower)
        growth = (_bernoulli(self.higher) + _bernoulli(boundary)) / np.maximum(observed, 1e-9)
        same, trials = self.error <= 1e-6, np.maximum(self.photos, 2)
        smallest = np.sqrt(_bernoulli(np.asarray(margin)) / trials)
        error = np.where(same, smallest, self.error * np.sqrt(np.maximum(1, growth)))
        degrees = np.where(same, trials - 1, self.degrees)
        statistic = (margin - np.abs(self.value)) / error
        skewed = np.abs(self.skewness) * (2 * np.clip(statistic, -MOST_SKEWED, MOST_SKEWED) ** 2 + 1) / 6
        return np.clip(stdtr(degrees, skewed - statistic), 2.0**-self.photos, 1)

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return both ends of the interval of the difference at a confidence level."""
        half = stdtrit(self.degrees, (1 + level) / 2) * self.error
        return self.value - half, self.value + half

    def detectable(self, level: float = 0.05, power: float = 0.8) -> np.ndarray:
        """Return the smallest true difference that a test at `level` finds with probability `power`.

        It is infinite if so few photos cannot decide.
        """
        reach = stdtrit(self.degrees, 1 - level / 2) + stdtrit(self.degrees, power)
        return np.where(2.0 ** (1 - self.photos) < level, reach * self.error, np.inf)

    def _over_error(self, amount: np.ndarray) -> np.ndarray:
        """Return `amount` in standard errors; infinite amounts where there is no error."""
        none = np.select([amount > 1e-12, amount < -1e-12], [np.inf, -np.inf], 0.0)
        known = np.isnan(self.error) | (self.error > 1e-6)
        return np.where(known, amount / np.where(known, self.error, 1), none)


def difference(
    values: tuple[np.ndarray, np.ndarray],
    deviations: tuple[np.ndarray, np.ndarray],
    weights: np.ndarray,
    folds: np.ndarray | None = None,
) -> Difference:
    """Compare a score of two settings on the same photos.

    The variance is that of the photos' differences (photos are paired: both settings are scored on the same ones) plus
    that of the seeds of each setting, which are not paired and may vary more in one setting than in the other (Welch
    1947).

    Args:
        values: the score of each setting, (...).
        deviations: for each setting, (..., S, P); see `spread`.
        weights: (..., P); see `spread`.
        folds: (P,); see `spread`.
    """
    variance, degrees = spread(deviations, weights, folds).total()
    cubes = ((deviations[1].mean(axis=-2) - deviations[0].mean(axis=-2)) ** 3).sum(axis=-1)
    skewness = np.divide(cubes, variance**1.5, out=np.zeros_like(cubes), where=variance > 1e-12)
    if folds is None and min(each.shape[-2] for each in deviations) == 1:
        variance = np.full_like(variance, np.nan)
    photos, higher = np.count_nonzero(weights, axis=-1), np.maximum(*values)
    return Difference(values[1] - values[0], np.sqrt(variance), degrees, photos, higher, skewness)


def _bernoulli(rate: np.ndarray) -> np.ndarray:
    """Return the variance of one trial."""
    return rate * (1 - rate)


def rate_difference(
    first: np.ndarray, second: np.ndarray, objects: np.ndarray | None = None, folds: np.ndarray | None = None
) -> Difference:
    """Compare the accuracies of two settings.

    Args:
        first: (..., S1, P), number of objects found in each photo by the runs of the first setting.
        second: (..., S2, P), the same of the second setting, on the same photos.
        objects: (P,), number of objects in each photo, at least 1; None: one in each.
        folds: (P,), the fold of each photo, from 0; None: the networks of a setting are scored on all photos.
    """
    objects = np.ones(first.shape[-1]) if objects is None else objects
    rates = [runs.sum(axis=-1).mean(axis=-1) / objects.sum() for runs in (first, second)]
    residuals = [rate_deviations(runs, objects) for runs in (first, second)]
    weights = np.broadcast_to(objects, rates[0].shape + objects.shape)
    return difference((rates[0], rates[1]), (residuals[0], residuals[1]), weights, folds)


def rate_deviations(found: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Return what each run adds in each photo to the deviation of the accuracy, (..., S, P); see `spread`.

    Args:
        found: (..., S, P), number of objects found.
        objects: (P,), number of objects in each photo.
    """
    rate = found.sum(axis=-1).mean(axis=-1) / objects.sum()
    return (found - rate[..., None, None] * objects) / objects.sum()


def paired_test(
    first: np.ndarray, second: np.ndarray, objects: np.ndarray | None = None, folds: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Test whether two settings have different accuracies, for other photos and other seeds.

    Returns:
        The second setting's accuracy minus the first's, and the p-value, (...); see `rate_difference`. The p-value is
        NaN if there are no folds and one of the settings has a single run, which does not show how much seeds differ.
    """
    compared = rate_difference(first, second, objects, folds)
    return compared.value, compared.p()


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple comparisons by Holm's method (Holm 1979), which controls the family-wise error.

    Returns:
        The adjusted p-values, in the same order.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order]))
    return adjusted.tolist()
