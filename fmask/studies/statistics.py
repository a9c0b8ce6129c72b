"""Statistics of a study: confidence intervals of rates over several seeds, and exact tests between two settings.

Shape letters: S runs of one setting (its seeds), N annotated objects, the same in all runs.

The S outcomes of an object are not independent: a hard object is hard for every seed. Neither are the N outcomes of a
run: a lucky seed improves all of them. S * N outcomes therefore carry less information than S * N different objects
scored once.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from fmask.evaluation.outcomes import Rate


def pooled_rate(hits: np.ndarray, trials: np.ndarray) -> Rate:
    """Compute the rate of hits among trials over all runs, with its 95 % interval.

    The interval accounts for the sampling of objects and of seeds. It is the Wilson score interval at the effective
    number of trials, which is the number of trials divided by the design effect (Kish 1965), as for proportions from
    clustered surveys (Korn & Graubard 1998; Franco et al. 2019). With one seed this is the plain Wilson interval. If
    the rate is 0 or 1, the data contain no information about the correlation between runs, and each object counts as
    one trial.

    Args:
        hits: bool (S, N), successes.
        trials: bool (S, N), trials; True wherever `hits` is.

    Returns:
        The rate and its interval; NaN if there are no trials.
    """
    count = int(trials.sum())
    if not count:
        return Rate(float("nan"), float("nan"), float("nan"))
    value = float(hits.sum() / count)
    varies = 0 < value < 1
    effective = count / design_effect(hits - value * trials) if varies else trials.any(axis=0).sum()
    return Rate(value, *wilson(value, float(effective)))


def design_effect(residuals: np.ndarray) -> float:
    """Compute the design effect of a mean over runs and objects: its variance relative to that of independent values.

    Runs and objects are crossed random effects. The variance of the mean is (MS_objects + MS_runs - MS_error) / (S N)
    by two-way analysis of variance without replication (Searle, Casella & McCulloch 1992); a negative variance
    component of the runs counts as 0.

    Args:
        residuals: float (S, N) with mean 0, not all 0: for a rate, the linearised deviation of each cell from it.

    Returns:
        The design effect, at least 1; 1 for a single run.
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
    """Compute the 95 % Wilson score interval (Wilson 1927) of a proportion.

    Args:
        value: the proportion, in [0, 1].
        trials: effective number of trials, positive, not necessarily an integer.

    Returns:
        Lower and upper end of the interval, in [0, 1].
    """
    z = norm.ppf(0.975)
    centre = (value + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(value * (1 - value) / trials + z**2 / (4 * trials**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def paired_test(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Test whether two settings differ, with an exact two-sided test paired by object.

    Under the null hypothesis, the difference of an object's mean rates is as likely to have the opposite sign. The
    p-value is the share of all 2^N sign patterns whose sum is at least as far from 0 as the observed one (Fisher's
    randomisation test for pairs). With one run of each setting this is McNemar's exact test. The effect of the seeds is
    part of the difference: the test compares these trained networks on objects of this kind.

    Args:
        first: bool (S1, N), hits of the runs of the first setting.
        second: bool (S2, N), hits of the runs of the second setting on the same objects in the same order.

    Returns:
        The second setting's rate minus the first's, and the p-value.
    """
    differences = second.sum(axis=0) * len(first) - first.sum(axis=0) * len(second)  # integers, so ties are exact
    # The distribution of the sum is built object by object; scipy's permutation_test would enumerate all 2^N patterns.
    probabilities = np.ones(1)
    for step in np.abs(differences[differences != 0]):
        longer = np.zeros(len(probabilities) + 2 * step)
        longer[: len(probabilities)] += probabilities / 2
        longer[2 * step :] += probabilities / 2
        probabilities = longer
    sums = np.arange(len(probabilities)) - len(probabilities) // 2
    p = probabilities[np.abs(sums) >= abs(differences.sum())].sum()
    return float(differences.sum() / (first.size * len(second))), min(1.0, float(p))


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
