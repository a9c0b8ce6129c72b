"""Average precision of a study: influences of photos, compared with weights changed by hand, and pooled runs."""

import numpy as np
import pytest

from fmask.evaluation.matches import ClassMatches, PhotoMatches
from fmask.studies.average_precision import precision_and_influence, run_precisions, setting_precision


def area(matched: np.ndarray, counted: np.ndarray, photo: np.ndarray, objects: np.ndarray, weight: np.ndarray) -> float:
    """Return the area under the interpolated precision-recall curve at one IoU, with a weight for each photo."""
    total, right, number, points = float(objects @ weight), 0.0, 0.0, []
    for hit, counts, of in zip(matched, counted, photo, strict=True):
        if counts and weight[of]:
            gain = weight[of] * hit
            right, number = right + gain, number + weight[of]
            points.append((gain / total, right / number))
    return sum(gain * max(each for _, each in points[nth:]) for nth, (gain, _) in enumerate(points))


def random_run(rng: np.random.Generator, photos: int) -> tuple[np.ndarray, ...]:
    objects = rng.integers(0, 3, photos).astype(float)
    objects[0] = 1
    photo = np.repeat(np.arange(photos), rng.integers(0, 4, photos))
    photo = rng.permutation(photo)
    matched = np.zeros((2, len(photo)), bool)
    for t, share in enumerate((0.8, 0.4)):
        free = objects.copy()
        for nth, of in enumerate(photo):
            if free[of] and rng.random() < share:
                matched[t, nth], free[of] = True, free[of] - 1
    return matched, rng.random(matched.shape) < 0.9, photo, objects


@pytest.mark.parametrize("seed", range(5))
def test_the_influence_is_the_derivative_by_the_weight_of_a_photo(seed: int) -> None:
    matched, counted, photo, objects = random_run(np.random.default_rng(seed), photos=15)
    _, influence = precision_and_influence(matched, counted, photo, objects)
    assert influence.sum(axis=1) == pytest.approx(0, abs=1e-12)
    for t in range(2):
        for index in range(len(objects)):
            here = np.eye(len(objects))[index] * 1e-6
            low, middle, high = (area(matched[t], counted[t], photo, objects, 1 + n * here) for n in (-1, 0, 1))
            sides = sorted(
                ((middle - low) / 1e-6, (high - middle) / 1e-6)
            )  # they differ where two precisions are equal
            assert sides[0] - 1e-4 <= influence[t, index] <= sides[1] + 1e-4


def test_the_variance_is_that_of_resampled_photos() -> None:
    rng = np.random.default_rng(1)
    matched, counted, photo, objects = random_run(rng, photos=200)
    _, influence = precision_and_influence(matched, counted, photo, objects)
    resampled = [
        area(matched[0], counted[0], photo, objects, rng.multinomial(200, np.full(200, 1 / 200)).astype(float))
        for _ in range(400)
    ]
    assert np.sqrt((influence[0] ** 2).sum()) == pytest.approx(np.std(resampled), rel=0.12)


def matches(objects: int, *found: tuple[float, str]) -> PhotoMatches:
    return {"hat": ClassMatches(objects, tuple((score, hits * 10) for score, hits in found))}


def test_folds_are_averaged_and_scores_of_different_networks_not_compared() -> None:
    """The second network gives low scores: its right detection is below the wrong one of the first network."""
    first = run_precisions({"a": matches(1, (0.9, "1"), (0.8, "0"))}, ["a", "b"])["mask_ap50"]
    second = run_precisions({"b": matches(1, (0.3, "1"))}, ["a", "b"])["mask_ap50"]
    pooled = setting_precision([[first, second]])
    assert (first.value, second.value, pooled.value) == (1, 1, 1)
    missed = run_precisions({"b": matches(1)}, ["a", "b"])["mask_ap50"]
    half = setting_precision([[first, missed], [first, second]])
    assert half.value == 0.75
    assert half.deviations.sum(axis=1) == pytest.approx([-0.25, 0.25])
    assert half.deviations.sum() == pytest.approx(0)


def test_a_class_without_objects_has_no_average_precision() -> None:
    results = run_precisions({"a": {**matches(1, (0.5, "1")), "mask": ClassMatches(0, ((0.4, "0" * 10),))}}, ["a"])
    assert results.keys() == {"mask_ap", "mask_ap50", "mask_ap50_hat"}
    assert run_precisions({"a": {"mask": ClassMatches(0, ((0.4, "0" * 10),))}}, ["a"]) == {}
