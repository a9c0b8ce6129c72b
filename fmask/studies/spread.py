"""The variance of a score, from each source: photos, seeds and the rest.

Photos and seeds are both samples. Every run of a setting is scored on the same photos, so the two are crossed, and the
seeds are nested in their setting. The objects of a photo are not independent of each other, so the photo is the unit,
not the object. A score varies for three reasons, and two-way analysis of variance (Searle, Casella & McCulloch 1992)
separates them: some photos are harder, some seeds are luckier, and some seeds do better on some photos.

Shape letters: S runs of one setting (its seeds), P photos, K folds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # importing scipy.stats takes half a second


@dataclass(frozen=True)
class Spread:
    """The variance of a score of one setting, or of a difference of two, from each source; each of shape (...)."""

    photos: np.ndarray
    """Estimated from the means over seeds, so it includes a part of `rest`."""
    seeds: tuple[np.ndarray, ...]
    """For each setting, estimated from its runs' scores, so it includes a part of `rest`. Empty for single runs without
    folds."""
    rest: np.ndarray
    """What both of these include: seeds that do better on some photos. 0 for single runs without folds."""
    degrees_of_freedom: tuple[np.ndarray, tuple[int, ...], np.ndarray]
    """Of `photos`, of each of `seeds`, and of `rest`."""
    single: bool = False
    """Whether a setting has a single run for each fold, so that `seeds` includes all of `photos`."""

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

    def reach(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Return the variance of one setting's score and the half-width of its interval in standard deviations, (...).

        The half-width is the quantile of Student's t with the degrees of freedom of `total`. That is too small if there
        are few seeds and they differ much. So with several runs, two half-widths are computed as well: that of the
        photos, and that of the seeds' variance beyond `rest`, each with its own degrees of freedom. The result is at
        least the root of the sum of their squares (Zou & Donner 2008).

        Args:
            level: the confidence level of the interval, in (0, 1).
        """
        quantile = (1 + level) / 2
        variance, degrees = self.total()
        reach = stdtrit(degrees, quantile)
        if not self.seeds or self.single:
            return variance, reach
        of_photos, of_seeds, _ = self.degrees_of_freedom
        beyond = np.maximum(0, self.seeds[0] - self.rest)
        square = stdtrit(of_photos, quantile) ** 2 * self.photos + stdtrit(of_seeds[0], quantile) ** 2 * beyond
        parts = np.sqrt(np.divide(square, variance, out=np.zeros_like(variance), where=variance > 0))
        return variance, np.maximum(reach, parts)


def spread(settings: Sequence[np.ndarray], weights: np.ndarray, folds: np.ndarray | None = None) -> Spread:
    """Return the variance of the last setting's score minus the others', from each source.

    With folds, each photo is scored by the S networks of its fold, and the K folds have networks of their own, with
    seeds of their own. The luck of a network is shared by the photos of its fold alone. It is estimated from the S
    networks of each fold, with K (S - 1) degrees of freedom; or if a setting has one network for each fold, from the
    differences between folds, with K - 1 degrees of freedom, which contain the variance of the photos.

    Args:
        settings: one or two settings; for each, (..., S, P), what each run adds in each photo to the deviation of that
            run's score from the setting's: the values of a photo add up to it, and over all runs to 0.
        weights: (..., P), the share of each photo in the score, in any unit; photos with weight 0 do not count.
        folds: (P,), the fold of each photo, from 0 to K - 1; None: all photos have the same networks.
    """
    photos = np.count_nonzero(weights, axis=-1)
    free = np.maximum(photos - 1, 1)
    correction = np.where(photos > 1, photos / free, 1)
    member = np.ones((weights.shape[-1], 1)) if folds is None else np.eye(int(folds.max()) + 1)[folds]  # (P, K)
    in_fold = weights @ member
    shares = weights / np.maximum(in_fold @ member.T, 1e-12)
    paired = settings[-1].mean(axis=-2) - (settings[0].mean(axis=-2) if len(settings) > 1 else 0)
    of_photos = correction * (paired**2).sum(axis=-1)
    parts = member.shape[-1]
    if parts > 1 and min(each.shape[-2] for each in settings) == 1:
        between = ((paired @ member) ** 2).sum(axis=-1) * parts / (parts - 1)
        return Spread(of_photos, (between,), of_photos, (free, (parts - 1,), free), single=True)
    seeds, degrees, rest, rest_degrees = [], [], np.zeros(photos.shape), 0
    for deviations in settings:
        runs = deviations.shape[-2]
        if runs == 1:
            continue
        of_runs = deviations @ member  # (..., S, K)
        of_runs = of_runs - of_runs.mean(axis=-2, keepdims=True)
        interaction = deviations - deviations.mean(axis=-2, keepdims=True) - (of_runs @ member.T) * shares[..., None, :]
        seeds.append((of_runs**2).sum(axis=(-2, -1)) / (runs - 1) / runs)
        rest += correction * (interaction**2).sum(axis=(-2, -1)) / (runs - 1) / runs
        degrees.append((runs - 1) * parts)
        rest_degrees += runs - 1
    return Spread(of_photos, tuple(seeds), rest, (free, tuple(degrees), max(rest_degrees, 1) * free))
