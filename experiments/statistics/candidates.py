"""Tests of whether two settings differ: the one that fmask uses, and those that it was chosen from."""

from collections.abc import Callable

import numpy as np
from scipy.stats import t

from experiments.statistics.simulate import Studies
from fmask.studies.statistics import paired_test

SIGNS = 999
RESAMPLES = 399


def objects_only(studies: Studies, rng: np.random.Generator) -> np.ndarray:
    """Flip the signs of the objects' differences, the test of version 0.1."""
    first, second = (hits.mean(axis=1) for hits in studies.hits)
    return _sign_flips(second - first, rng)


def photos_only(studies: Studies, rng: np.random.Generator) -> np.ndarray:
    """Flip the signs of the photos' differences."""
    first, second = (found.mean(axis=1) for found in studies.found)
    return _sign_flips(second - first, rng)


def seeds_only(studies: Studies, _: np.random.Generator) -> np.ndarray:
    """Compare the runs' accuracies by Welch's t-test."""
    first, second = (found.sum(axis=-1) for found in studies.found)
    parts = [each.var(axis=1, ddof=1) / each.shape[1] for each in (first, second)]
    variance = sum(parts)
    freedom = [part**2 / (each.shape[1] - 1) for part, each in zip(parts, (first, second), strict=True)]
    return _t_test(second.mean(axis=1) - first.mean(axis=1), variance, variance**2 / np.maximum(sum(freedom), 1e-12))


def both_reject(studies: Studies, rng: np.random.Generator) -> np.ndarray:
    """Return the larger p-value of `photos_only` and `seeds_only`."""
    return np.maximum(photos_only(studies, rng), seeds_only(studies, rng))


def pooled_seeds(studies: Studies, _: np.random.Generator) -> np.ndarray:
    """Do as fmask does, but with one variance of the seeds for both settings."""
    found, objects = studies.found, studies.objects
    photos, total = len(objects), objects.sum()
    rates = [each.sum(axis=-1).mean(axis=-1) / total for each in found]
    residuals = [(each - rate[:, None, None] * objects) / total for each, rate in zip(found, rates, strict=True)]
    paired = residuals[1].mean(axis=1) - residuals[0].mean(axis=1)
    of_photos = photos / (photos - 1) * (paired**2).sum(axis=-1)
    freedom = sum(each.shape[1] - 1 for each in found)
    factor = sum(1 / each.shape[1] for each in found) / freedom
    of_seeds, rest = np.zeros(len(paired)), np.zeros(len(paired))
    for each in residuals:
        runs = each.sum(axis=-1, keepdims=True)
        of_seeds += factor * (runs**2).sum(axis=(1, 2))
        interaction = each - each.mean(axis=1, keepdims=True) - runs * objects / total
        rest += factor * photos / (photos - 1) * (interaction**2).sum(axis=(1, 2))
    variance = np.maximum(np.maximum(of_photos, of_seeds), of_photos + of_seeds - rest)
    uncertainty = of_photos**2 / (photos - 1) + of_seeds**2 / freedom + rest**2 / (freedom * (photos - 1))
    return _t_test(rates[1] - rates[0], variance, variance**2 / np.maximum(uncertainty, 1e-30))


def bootstrap(studies: Studies, rng: np.random.Generator) -> np.ndarray:
    """Draw photos and the seeds of each setting with replacement."""
    photos = rng.multinomial(len(studies.objects), np.full(len(studies.objects), 1 / len(studies.objects)), RESAMPLES)
    total = photos @ studies.objects
    rates = []
    for found in studies.found:
        runs = found.shape[1]
        seeds = rng.multinomial(runs, np.full(runs, 1 / runs), RESAMPLES) / runs
        rates.append(np.einsum("rsb,bs->rb", found @ photos.T, seeds) / total)
    difference = rates[1] - rates[0]
    return np.minimum(1, 2 * np.minimum((difference <= 0).mean(axis=1), (difference >= 0).mean(axis=1)))


def chosen(studies: Studies, _: np.random.Generator) -> np.ndarray:
    """Return the p-values of `fmask.studies.statistics.paired_test`."""
    return paired_test(*studies.found, studies.objects)[1]


def chosen_and_photos(studies: Studies, rng: np.random.Generator) -> np.ndarray:
    """Return the larger p-value of `chosen` and `photos_only`."""
    return np.maximum(chosen(studies, rng), photos_only(studies, rng))


CANDIDATES: dict[str, Callable[[Studies, np.random.Generator], np.ndarray]] = {
    "sign flips by object (version 0.1)": objects_only,
    "sign flips by photo": photos_only,
    "t-test of seeds": seeds_only,
    "bootstrap of photos and seeds": bootstrap,
    "both the photos' and the seeds' test": both_reject,
    "photos and seeds, one spread of seeds": pooled_seeds,
    "photos and seeds and sign flips": chosen_and_photos,
    "photos and seeds (used)": chosen,
}


def _sign_flips(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return p-values of differences (R, N) that are symmetric about 0, from random signs."""
    signs = rng.choice([-1.0, 1.0], size=(differences.shape[-1], SIGNS))
    sums = np.abs(differences @ signs)
    return (1 + (sums >= np.abs(differences.sum(axis=-1, keepdims=True)) - 1e-9).sum(axis=-1)) / (1 + SIGNS)


def _t_test(difference: np.ndarray, variance: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    varies = variance > 1e-12
    statistic = np.where(varies, np.abs(difference) / np.sqrt(np.where(varies, variance, 1)), 1e9 * np.abs(difference))
    return 2 * t.sf(statistic, np.maximum(freedom, 1))
