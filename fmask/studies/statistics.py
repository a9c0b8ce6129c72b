"""Statistics of a study: confidence intervals of rates, and a test between two settings.

Photos and seeds are both samples. Every run of a setting is scored on the same photos, so the two are crossed, and the
seeds are nested in their setting. The objects of a photo are not independent of each other, so the photo is the unit,
not the object. A rate varies for three reasons, and two-way analysis of variance (Searle, Casella & McCulloch 1992)
separates them: some photos are harder, some seeds are luckier, and some seeds do better on some photos.

Shape letters: S runs of one setting (its seeds), P photos. Leading axes, such as those of simulated studies, are
allowed everywhere. `experiments/statistics` measures how often these functions are wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit  # importing scipy.stats takes half a second

Z = float(ndtri(0.975))


@dataclass(frozen=True)
class Spread:
    """The variance of a rate of one setting, or of a difference of two, from each source; each of shape (...)."""

    photos: np.ndarray
    """Estimated from the means over seeds, so it includes a part of `rest`."""
    seeds: tuple[np.ndarray, ...]
    """For each setting, estimated from its runs' rates, so it includes a part of `rest`. Empty for single runs."""
    rest: np.ndarray
    """What both of these include: seeds that do better on some photos. 0 for single runs."""
    degrees_of_freedom: tuple[np.ndarray, tuple[int, ...], np.ndarray]
    """Of `photos`, of each of `seeds`, and of `rest`."""

    def total(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the variance and its degrees of freedom (Satterthwaite 1946), at least 1.

        The variance is that of the photos plus that of the seeds minus the part that both include, and at least each of
        the two.
        """
        seeds = sum(self.seeds, np.zeros_like(self.photos))
        variance = np.maximum(np.maximum(self.photos, seeds), self.photos + seeds - self.rest)
        of_photos, of_seeds, of_rest = self.degrees_of_freedom
        uncertainty = self.photos**2 / of_photos + self.rest**2 / of_rest
        for each, degrees in zip(self.seeds, of_seeds, strict=True):
            uncertainty = uncertainty + each**2 / degrees
        ratio = np.divide(variance**2, uncertainty, out=np.ones_like(variance), where=uncertainty > 0)
        return variance, np.maximum(1, ratio)


def pooled_rate(hits: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the rate of hits among trials over all runs, with its 95 % interval.

    With several seeds, the interval is for other photos and other seeds of the setting. With one, it is for this
    trained network on other photos: one run does not show how much seeds differ.

    It is Wilson's score interval at the effective number of trials, at which independent trials would have the
    variance of `Spread.total`, with the quantile of Student's t in place of the normal one (Korn & Graubard 1998;
    Franco et al. 2019). If the rate is 0 or 1, or all photos have the same rate, nothing shows how alike the objects
    of a photo are, and each photo counts as one trial.

    Args:
        hits: (..., S, P), number of hits in each photo.
        trials: (..., S, P), number of trials in each photo, nowhere below `hits`.

    Returns:
        The rate and both ends of its interval, (...); NaN without trials.
    """
    hits, trials = np.asarray(hits, float), np.asarray(trials, float)
    count = trials.sum(axis=(-2, -1))
    photos = np.count_nonzero(trials.sum(axis=-2), axis=-1)
    value = hits.sum(axis=(-2, -1)) / np.where(count > 0, count, np.nan)
    residuals = hits - np.nan_to_num(value)[..., None, None] * trials
    spread = _spread([residuals / np.maximum(count, 1)[..., None, None] * hits.shape[-2]], trials.mean(axis=-2))
    variance, degrees = spread.total()
    varies = (variance > 1e-12) & (value > 0) & (value < 1) & (photos > 1)
    effective = np.where(varies, np.minimum(count, value * (1 - value) / np.where(varies, variance, 1)), photos)
    quantile = np.where(varies, stdtrit(degrees, 0.975), Z)
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


def paired_test(
    first: np.ndarray, second: np.ndarray, objects: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Test whether two settings have different accuracies, for other photos and other seeds.

    A two-sided t-test of the difference. Its variance is that of the photos' differences (photos are paired: both
    settings are scored on the same ones) plus that of the seeds of each setting, which are not paired and may vary
    more in one setting than in the other (Welch 1947). With few photos, p is not below the smallest p-value that the
    exact sign-flip test by photo can have, 2^(1 - P).

    Args:
        first: (..., S1, P), number of objects found in each photo by the runs of the first setting.
        second: (..., S2, P), the same of the second setting, on the same photos.
        objects: (P,), number of objects in each photo, at least 1; None: one in each.

    Returns:
        The second setting's accuracy minus the first's, and the p-value, (...); a p-value of NaN if one of the
        settings has a single run, which does not show how much seeds differ.
    """
    objects = np.ones(first.shape[-1]) if objects is None else objects
    total, photos = objects.sum(), len(objects)
    rates = [runs.sum(axis=-1).mean(axis=-1) / total for runs in (first, second)]
    difference = rates[1] - rates[0]
    if min(first.shape[-2], second.shape[-2]) == 1:
        return difference, np.full_like(difference, np.nan)
    residuals = [
        (runs - rate[..., None, None] * objects) / total for runs, rate in zip((first, second), rates, strict=True)
    ]
    variance, degrees = _spread(residuals, np.broadcast_to(objects, difference.shape + objects.shape)).total()
    differs = np.abs(difference) > 1e-12
    statistic = np.divide(
        np.abs(difference), np.sqrt(variance), out=np.where(differs, np.inf, 0.0), where=differs & (variance > 1e-12)
    )
    return difference, np.clip(2 * stdtr(degrees, -statistic), 2.0 ** (1 - photos), 1)


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


def _spread(settings: Sequence[np.ndarray], trials: np.ndarray) -> Spread:
    """Return the variance of the last setting's rate minus the others', from each source.

    Args:
        settings: one or two settings; for each, (..., S, P), what each run adds in each photo to the deviation of that
            run's rate from the setting's: the values of a photo add up to it, and over all runs to 0.
        trials: (..., P), mean number of trials in each photo; photos without trials do not count.
    """
    photos = np.count_nonzero(trials, axis=-1)
    shares = (trials / np.maximum(trials.sum(axis=-1), 1e-12)[..., None])[..., None, :]
    free = np.maximum(photos - 1, 1)
    correction = np.where(photos > 1, photos / free, 1)
    paired = settings[-1].mean(axis=-2) - (settings[0].mean(axis=-2) if len(settings) > 1 else 0)
    seeds, degrees, rest, rest_degrees = [], [], np.zeros(photos.shape), 0
    for deviations in settings:
        runs = deviations.shape[-2]
        if runs == 1:
            continue
        of_runs = deviations.sum(axis=-1, keepdims=True)
        interaction = deviations - deviations.mean(axis=-2, keepdims=True) - of_runs * shares
        seeds.append((of_runs**2).sum(axis=(-2, -1)) / (runs - 1) / runs)
        rest += correction * (interaction**2).sum(axis=(-2, -1)) / (runs - 1) / runs
        degrees.append(runs - 1)
        rest_degrees += runs - 1
    return Spread(
        correction * (paired**2).sum(axis=-1), tuple(seeds), rest, (free, tuple(degrees), max(rest_degrees, 1) * free)
    )
