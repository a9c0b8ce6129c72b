"""What a study may conclude: intervals of rates over several seeds, and exact tests between two settings.

Shape letters: S runs of one setting (its seeds), N annotated objects, the same in all runs.

The S verdicts on an object are not independent of each other: a hard object is hard for every seed. Nor are the N
verdicts of a run: a lucky seed lifts them all. S * N verdicts therefore weigh less than S * N objects seen once would.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from fmask.evaluation.outcomes import Rate


def pooled_rate(hits: np.ndarray, trials: np.ndarray) -> Rate:
    """Hits among trials over all runs, with a 95 % interval that allows for other objects and for other seeds.

    It is Wilson's interval at the effective number of trials: their count over the design effect (Kish 1965), as is
    done for proportions from clustered surveys (Korn & Graubard 1998; Franco et al. 2019). With one seed that is plain
    Wilson. Where the rate is 0 or 1 the runs cannot tell how alike they are, and each object is counted once.

    Args:
        hits: bool (S, N), what counts as success.
        trials: bool (S, N), what is counted at all; holds wherever `hits` does.
    """
    count = int(trials.sum())
    if not count:
        return Rate(float("nan"), float("nan"), float("nan"))
    value = float(hits.sum() / count)
    varies = 0 < value < 1
    effective = count / design_effect(hits - value * trials) if varies else trials.any(axis=0).sum()
    return Rate(value, *wilson(value, float(effective)))


def design_effect(residuals: np.ndarray) -> float:
    """How many times larger the variance of a mean over runs and objects is than of independent values; at least 1.

    Both objects and runs are random samples, crossed: the mean's variance is (MS_objects + MS_runs - MS_error) / (S N)
    by two-way analysis of variance without replication (Searle, Casella & McCulloch 1992), a negative share of the runs
    taken as none. With one run it is 1.

    Args:
        residuals: float (S, N) with mean 0 and not all 0: for a rate, each cell's linearised deviation from it.
    """
    runs, objects = residuals.shape
    if runs == 1:
        return 1.0
    if objects == 1:
        return float(runs)
    total = (residuals**2).sum()
    by_object = runs * (residuals.mean(axis=0) ** 2).sum()
    by_run = objects * (residuals.mean(axis=1) ** 2).sum()
    error = (total - by_object - by_run) / ((runs - 1) * (objects - 1))
    excess_of_runs = max(0.0, by_run / (runs - 1) - error)
    variance = by_object / (objects - 1) + excess_of_runs
    return max(1.0, float(variance / (total / (runs * objects - 1))))


def wilson(value: float, trials: float) -> tuple[float, float]:
    """Ends of the 95 % Wilson score interval (Wilson 1927) of a proportion; `trials` > 0 need not be whole."""
    z = norm.ppf(0.975)
    centre = (value + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(value * (1 - value) / trials + z**2 / (4 * trials**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def paired_test(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The second setting's rate minus the first's, and the exact two-sided p of no difference, paired by object.

    Under the null hypothesis each object's difference of mean rates could as well have had the other sign; p is the
    share of all 2^N sign patterns whose sum is at least as far from 0 (Fisher's randomisation test for pairs). With
    one run each that is McNemar's exact test. The runs' own luck is part of the difference: what is compared is these
    trained networks on objects of this kind.

    Args:
        first: bool (S1, N), hits of the runs of one setting.
        second: bool (S2, N), of the other, the same objects in the same order.
    """
    differences = second.sum(axis=0) * len(first) - first.sum(axis=0) * len(second)  # whole numbers: no ties missed
    # The distribution of the sum is built object by object; scipy's permutation_test would go through all patterns.
    chances = np.ones(1)
    for step in np.abs(differences[differences != 0]):
        grown = np.zeros(len(chances) + 2 * step)
        grown[: len(chances)] += chances / 2
        grown[2 * step :] += chances / 2
        chances = grown
    sums = np.arange(len(chances)) - len(chances) // 2
    p = chances[np.abs(sums) >= abs(differences.sum())].sum()
    return float(differences.sum() / (first.size * len(second))), min(1.0, float(p))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number (Holm 1979), in the same order; below 0.05 keeps the family's level."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * np.asarray(p_values, dtype=float)[order]))
    return adjusted.tolist()
