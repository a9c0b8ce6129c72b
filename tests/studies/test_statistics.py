"""Intervals and tests, compared with results computed by hand or by scipy."""

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from fmask.evaluation.outcomes import Rate
from fmask.studies.statistics import design_effect, holm, paired_test, pooled_rate, wilson


def test_wilson_of_12_in_18() -> None:
    # By hand: z^2 = 3.8415; centre (12 + 1.92073) / 21.8415 = 0.637351; half 1.95996 / 21.8415 * sqrt(4 + 0.96036).
    assert wilson(12 / 18, 18) == pytest.approx((0.437494, 0.837207), abs=1e-5)


@pytest.mark.parametrize(("found", "objects"), [(0, 18), (1, 18), (12, 18), (18, 18)])
def test_one_seed_gives_plain_wilson(found: int, objects: int) -> None:
    hits = np.arange(objects)[None] < found
    pooled, plain = pooled_rate(hits, np.ones_like(hits)), Rate.of(found, objects)
    assert (pooled.value, pooled.low, pooled.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_precision_counts_only_detected_objects() -> None:
    trials = np.arange(18)[None] < 14
    pooled, plain = pooled_rate(np.arange(18)[None] < 13, trials), Rate.of(13, 14)
    assert (pooled.low, pooled.high) == pytest.approx((plain.low, plain.high))
    assert np.isnan(pooled_rate(~trials & trials, ~trials & trials).value)


def test_seeds_that_agree_add_no_information() -> None:
    hits = np.repeat(np.arange(18)[None] < 12, 3, axis=0)
    pooled, plain = pooled_rate(hits, np.ones_like(hits)), Rate.of(12, 18)
    assert (pooled.value, pooled.low, pooled.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.01)
    everything = np.ones((3, 18), bool)
    assert pooled_rate(everything, everything).low == pytest.approx(Rate.of(18, 18).low)


def test_seeds_that_differ_widen_the_interval() -> None:
    lucky = np.stack([np.arange(40) < 40, np.arange(40) < 0])
    pooled = pooled_rate(lucky, np.ones_like(lucky))
    assert pooled.value == 0.5
    assert pooled.high - pooled.low > 0.7  # 40 independent objects, or 80, would give 0.3 or 0.2


def test_design_effect_by_hand() -> None:
    # Rows are runs. Mean 1/2; by object 2 * (1/4 + 0 + 1/4) = 1 (2 df), by run 0, total 6/4 (5 df), error 1/2 (2 df).
    residuals = np.array([[1, 1, 0], [1, 0, 0]]) - 0.5
    by_run = 3 * 2 * (1 / 6) ** 2
    error = (1.5 - 1 - by_run) / 2
    assert design_effect(residuals) == pytest.approx((1 / 2 + max(0, by_run - error)) / (1.5 / 5))


def test_the_interval_has_its_nominal_coverage() -> None:
    """Accuracy 0.7, objects that differ much and runs that differ a little: about 95 % of 400 intervals contain it."""
    rng = np.random.default_rng(1)
    covered = naive = 0
    for _ in range(400):
        ability = rng.normal(0, 1.5, 18) + rng.normal(0, 0.3, (3, 1))
        noise = rng.normal(0, 1, (3, 18))
        threshold = -0.5244005 * np.sqrt(1.5**2 + 0.3**2 + 1)  # the 30 % quantile of their sum
        hits = ability + noise > threshold
        pooled = pooled_rate(hits, np.ones_like(hits))
        covered += pooled.low <= 0.7 <= pooled.high
        plain = Rate.of(int(hits.sum()), hits.size)
        naive += plain.low <= 0.7 <= plain.high
    assert 368 <= covered <= 394
    assert naive < 348


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (5, 1), (6, 0), (3, 3), (7, 2)])
def test_one_seed_each_is_mcnemars_exact_test(gained: int, lost: int) -> None:
    first, second = np.zeros((1, 20), bool), np.zeros((1, 20), bool)
    second[0, :gained] = True
    first[0, gained : gained + lost] = True
    first[0, 18:] = second[0, 18:] = True
    difference, p = paired_test(first, second)
    assert difference == pytest.approx((gained - lost) / 20)
    assert p == pytest.approx(binomtest(gained, gained + lost).pvalue if gained + lost else 1)


def test_six_objects_gained_and_none_lost() -> None:
    assert paired_test(np.zeros((1, 6), bool), np.ones((1, 6), bool)) == (1, 2 / 64)


def test_several_seeds_give_the_p_of_all_sign_patterns() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.random((2, 9)) < 0.4, rng.random((3, 9)) < 0.7
    difference, p = paired_test(first, second)
    by_object = second.mean(axis=0) - first.mean(axis=0)
    expected = permutation_test((by_object,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert (difference, p) == pytest.approx((by_object.mean(), expected.pvalue))
    assert paired_test(second, first) == pytest.approx((-difference, p))


def test_the_test_is_exact_for_many_objects() -> None:
    _, p = paired_test(np.zeros((3, 200), bool), np.ones((3, 200), bool))
    assert p == pytest.approx(2.0**-199)


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing: 0.04, 0.06, 0.06, 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([]) == []
