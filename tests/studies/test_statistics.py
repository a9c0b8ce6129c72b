"""Intervals and tests, compared with results computed by hand, and their error rates in simulated studies."""

import numpy as np
import pytest
from scipy.special import stdtr
from scipy.stats import norm, t, ttest_1samp, ttest_ind

from fmask.evaluation.outcomes import Rate
from fmask.studies.statistics import holm, paired_test, pooled_rate, rate_difference, wilson

Z = norm.ppf(0.975)


def test_wilson_of_12_in_18() -> None:
    # By hand: z^2 = 3.8415; centre (12 + 1.92073) / 21.8415 = 0.637351; half 1.95996 / 21.8415 * sqrt(4 + 0.96036).
    assert wilson(12 / 18, 18) == pytest.approx((0.437494, 0.837207), abs=1e-5)


def test_one_seed_by_hand() -> None:
    # 4 photos with 2 objects; 2, 2, 1 and 0 found, 5/8. The photos' deviations from 2 * 5/8 are .75, .75, -.25, -1.25,
    # their squares add up to 2.75. Variance 4/3 * 2.75 / 8^2, effective number of trials (15/64) / variance, 3 degrees.
    value, low, high = pooled_rate(np.array([[2, 2, 1, 0]]), np.full((1, 4), 2))
    effective = 15 / 64 / (4 / 3 * 2.75 / 64)
    assert value == 5 / 8
    assert (low, high) == pytest.approx(wilson(5 / 8, effective, t.ppf(0.975, 3)))


def test_two_seeds_by_hand() -> None:
    # Three photos with one object. Photos: 3/2 * (1/4 + 0 + 1/4) / 3^2 = 1/12, 2 degrees of freedom. Seeds: their rates
    # are 2/3 and 1/3, 1/36, and so is the rest, 1 and 2 degrees: they vary no more than the photos explain.
    value, low, high = pooled_rate(np.array([[1, 1, 0], [1, 0, 0]]), np.ones((2, 3)))
    degrees = (1 / 12) ** 2 / ((1 / 12) ** 2 / 2 + (1 / 36) ** 2 + (1 / 36) ** 2 / 2)
    assert value == 0.5
    assert degrees < 2
    assert (low, high) == pytest.approx(wilson(0.5, 1 / 4 * 12, t.ppf(0.975, degrees)))


def test_two_seeds_that_vary_by_hand() -> None:
    # Four photos with one object. Photos: 4/3 * (1/4 + 0 + 0 + 1/4) / 4^2 = 1/24, 3 degrees of freedom. Seeds: rates
    # of 1/4 and 3/4, 1/16, 1 degree. The rest is 4/3 * (2 * 1/4) / 2 / 4^2 = 1/48, 3 degrees, so that seeds add 1/24.
    # All together 1/12. The degrees of freedom of the whole give a smaller quantile than the two parts.
    _, low, high = pooled_rate(np.array([[0, 0, 0, 1], [0, 1, 1, 1]]), np.ones((2, 4)))
    degrees = (1 / 12) ** 2 / ((1 / 24) ** 2 / 3 + (1 / 16) ** 2 + (1 / 48) ** 2 / 3)
    parts = np.sqrt(t.ppf(0.975, 3) ** 2 / 24 + t.ppf(0.975, 1) ** 2 / 24) / np.sqrt(1 / 12)
    assert t.ppf(0.975, degrees) < parts
    assert (low, high) == pytest.approx(wilson(0.5, 1 / 4 * 12, parts))


def test_the_photo_is_the_unit() -> None:
    """Photos in which all objects have the same outcome are as informative as photos with one object."""
    one = pooled_rate(np.array([[1, 1, 1, 0, 0]]), np.ones((1, 5)))
    three = pooled_rate(np.array([[3, 3, 3, 0, 0]]), np.full((1, 5), 3))
    assert np.array(three) == pytest.approx(np.array(one))


def test_seeds_that_agree_add_no_information() -> None:
    hits = np.array([[2, 1, 0, 2, 1, 2]])
    one, three = (pooled_rate(np.repeat(hits, runs, axis=0), np.full((runs, 6), 2)) for runs in (1, 3))
    assert np.array(three) == pytest.approx(np.array(one))


def test_seeds_that_differ_widen_the_interval() -> None:
    """Photos that are alike and two seeds, of which one finds 8 of 10 and the other 4: one degree of freedom."""
    hits = np.array([[8] * 20, [4] * 20])
    value, low, high = pooled_rate(hits, np.full((2, 20), 10))
    variance = (0.2**2 + 0.2**2) / 2
    assert value == pytest.approx(0.6)
    assert (low, high) == pytest.approx(wilson(0.6, 0.24 / variance, t.ppf(0.975, 1)))


@pytest.mark.parametrize("found", [0, 2])
def test_each_photo_counts_once_if_all_or_no_objects_are_found(found: int) -> None:
    value, low, high = pooled_rate(np.full((3, 9), found), np.full((3, 9), 2))
    expected = Rate.of(9 * found // 2, 9)
    assert (value, low, high) == pytest.approx((expected.value, expected.low, expected.high))


def test_photos_and_runs_without_trials_do_not_count() -> None:
    some = pooled_rate(np.array([[1, 0, 2, 0]]), np.array([[2, 1, 2, 0]]))
    assert np.array(some) == pytest.approx(np.array(pooled_rate(np.array([[1, 0, 2]]), np.array([[2, 1, 2]]))))
    assert np.isnan(pooled_rate(np.zeros((2, 3)), np.zeros((2, 3)))).all()
    assert np.isfinite(pooled_rate(np.array([[1, 0], [0, 0]]), np.array([[2, 0], [0, 0]]))).all()


def test_without_differences_between_seeds_the_test_is_the_paired_t_test_of_photos() -> None:
    first, second = np.array([2, 1, 0, 2, 1, 0, 1, 2]), np.array([2, 2, 2, 2, 2, 1, 0, 2])
    difference, p = paired_test(np.stack([first] * 3), np.stack([second] * 4), np.full(8, 2))
    assert difference == pytest.approx((second - first).mean() / 2)
    assert p == pytest.approx(ttest_1samp(second - first, 0).pvalue)


def test_without_differences_between_photos_the_test_is_welchs_t_test_of_seeds() -> None:
    rates = np.array([3, 4, 5]), np.array([7, 7, 8, 5, 9])
    first, second = (np.repeat(each[:, None], 30, axis=1) for each in rates)
    difference, p = paired_test(first, second, np.full(30, 10))
    assert difference == pytest.approx(0.32)
    assert p == pytest.approx(ttest_ind(*rates, equal_var=False).pvalue)
    assert paired_test(second, first, np.full(30, 10)) == pytest.approx((-difference, p))


def test_photos_have_one_object_by_default() -> None:
    first, second = np.random.default_rng(2).random((2, 3, 30)) < 0.5
    assert paired_test(first, second) == paired_test(first, second, np.ones(30))


def test_one_seed_on_either_side_is_never_significant() -> None:
    none, every = np.zeros((1, 50)), np.full((5, 50), 4)
    for first, second in ((none, every), (every, none), (none, every[:1])):
        difference, p = paired_test(first, second, np.full(50, 4))
        assert abs(difference) == 1
        assert np.isnan(p)


@pytest.mark.parametrize(("photos", "smallest"), [(1, 1), (2, 1 / 2), (5, 1 / 16)])
def test_a_few_photos_decide_nothing(photos: int, smallest: float) -> None:
    assert paired_test(np.zeros((3, photos)), np.full((3, photos), 2), np.full(photos, 2)) == pytest.approx(
        (1, smallest)
    )


def test_equal_settings_have_a_p_of_1() -> None:
    runs = np.random.default_rng(1).integers(0, 3, (3, 9))
    assert paired_test(runs, runs, np.full(9, 2)) == (0, 1)


def simulate(
    rng: np.random.Generator, seeds: int, photos: int, seed_sd: float, shift: float = 0, accuracy: float = 0.6
) -> np.ndarray:
    """Return the objects found, (500, seeds, photos, 2): two settings with 3 objects a photo, correlated by 0.5."""
    difficulty = 1.5 * (rng.normal(size=(500, 1, photos, 1, 1)) + rng.normal(size=(500, 1, photos, 1, 3))) / 2**0.5
    luck = seed_sd * rng.normal(size=(500, seeds, 1, 2, 1)) + np.array([0, shift])[:, None]
    noise = (rng.normal(size=(500, seeds, photos, 2, 1)) + rng.normal(size=(500, seeds, photos, 2, 3))) / 2**0.5
    return (difficulty + luck + noise > norm.ppf(1 - accuracy) * np.sqrt(1.5**2 + seed_sd**2 + 1)).sum(axis=-1)


@pytest.mark.parametrize("photos", [6, 21, 67])  # 18, 63 and 201 objects
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_equal_settings_are_told_apart_in_5_percent_of_studies(seeds: int, photos: int) -> None:
    rng = np.random.default_rng([seeds, photos])
    objects = np.full(photos, 3)
    for seed_sd in (0, 0.3, 0.6):
        found = simulate(rng, seeds, photos, seed_sd)
        _, p = paired_test(found[..., 0], found[..., 1], objects)
        assert (p < 0.05).mean() <= 0.075  # 2.5 standard errors above 0.05
    found = simulate(rng, 5, photos, 0.3, shift=1)
    _, p = paired_test(found[..., 0], found[..., 1], objects)
    assert (p < 0.05).mean() > {6: 0.2, 21: 0.8, 67: 0.9}[photos]


@pytest.mark.parametrize("photos", [6, 21, 67])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_intervals_have_their_nominal_coverage(seeds: int, photos: int) -> None:
    rng = np.random.default_rng([seeds, photos])
    for seed_sd in (0, 0.3, 0.6) if seeds > 1 else (0,):
        found = simulate(rng, seeds, photos, seed_sd)[..., 0]
        _, low, high = pooled_rate(found, np.full(found.shape, 3))
        covered = ((low <= 0.6) & (high >= 0.6)).mean()
        assert covered >= (0.86 if seeds == 2 else 0.92)
    assert np.mean(high - low) < 0.8


def test_an_interval_of_one_seed_does_not_cover_other_seeds() -> None:
    found = simulate(np.random.default_rng(1), 1, 67, 0.6)[..., 0]
    _, low, high = pooled_rate(found, np.full(found.shape, 3))
    assert ((low <= 0.6) & (high >= 0.6)).mean() < 0.8


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1, made non-decreasing: 0.04, 0.06, 0.06, 0.06.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize(("photos", "equivalent"), [(9, False), (44, False), (463, True)])
def test_settings_that_find_the_same_are_not_equivalent_on_a_few_photos(photos: int, equivalent: bool) -> None:
    found = np.ones((3, photos))
    p = float(rate_difference(found, found).equivalence_p(0.05))
    assert (p < 0.05) == equivalent
    assert float(rate_difference(found, found).p()) == 1


def test_the_error_of_an_equivalence_test_is_that_at_the_margin() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.random((3, 200)) < rate for rate in (0.98, 0.97))
    compared = rate_difference(first.astype(float), second.astype(float))
    shown = float(compared.equivalence_p(0.05))
    plain = float(stdtr(compared.degrees, -(0.05 - abs(compared.value)) / compared.error))
    assert plain < shown < 0.5
