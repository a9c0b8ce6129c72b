"""Measure intervals and tests for small and large sets of photos, with folds: python -m experiments.statistics.photos

Writes `photos.csv` beside this file. Takes about ten minutes on one core.
"""

import csv
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from rich.progress import track
from scipy.stats import norm

from fmask.studies.average_precision import RunPrecision, precision_and_influence, setting_precision
from fmask.studies.statistics import difference, interval, pooled_rate, rate_difference

DIFFICULTY = 1.5
"""Standard deviation of the objects' difficulty, in probit; that of the noise is 1."""
DESIGNS = ((9, 1, 1), (9, 3, 1), (9, 5, 1), (44, 1, 1), (44, 3, 1), (44, 5, 1), (44, 1, 5), (44, 3, 5), (463, 3, 1),
           (463, 5, 1), (463, 1, 5), (463, 2, 5), (463, 3, 5), (463, 5, 5))  # fmt: skip
"""Numbers of photos, seeds and folds."""
SEED_SD, CORRELATION, RATES = (0, 0.3), (0, 0.3, 0.6), (0.5, 0.8, 0.95)
MARGIN = 0.05
STUDIES = 2000
TRUTH_SETS, TRUTH_PHOTOS, TRUTH_SEEDS = 60, 4000, 8
"""Sets of photos, photos in each, and networks scored on each, over which the true average precision is a mean."""
WRONG = 0.6
"""Mean number of wrong detections in a photo."""


class World:
    """Objects, networks of two equal settings, and which objects they find with which score."""

    def __init__(self, design: tuple[int, int, int], sd: float, correlation: float, rate: float, seed: int) -> None:
        self.photos, self.seeds, self.folds = design
        self.sd, self.rate, self.rng = sd, rate, np.random.default_rng(seed)
        self.latent = np.sin(np.pi / 2 * correlation)  # of the normal variables: Sheppard's formula
        sizes = (
            np.full(9, 2)
            if self.photos == 9
            else self.rng.choice([1, 2, 3, 4], self.photos, p=[0.82, 0.13, 0.03, 0.02])
        )
        self.objects, self.photo = sizes, np.repeat(np.arange(self.photos), sizes)
        self.fold = np.arange(self.photos) % self.folds

    def margins(self, studies: int, shift: float = 0) -> list[np.ndarray]:
        """Return by how much each run of two settings finds each object, (studies, S, N); positive: found."""
        difficulty, found = self._effect(studies, 1, DIFFICULTY), []
        threshold = norm.ppf(1 - self.rate) * np.sqrt(DIFFICULTY**2 + self.sd**2 + 1)
        for better in (0, shift):
            luck = self.sd * self.rng.normal(size=(studies, self.seeds, self.folds))[..., self.fold[self.photo]]
            found.append(difficulty + luck + self._effect(studies, self.seeds, 1) - threshold + better)
        return found

    def counts(self, margins: np.ndarray) -> np.ndarray:
        """Return the objects found in each photo, (studies, S, P)."""
        return np.add.reduceat((margins > 0).astype(float), np.cumsum(self.objects) - self.objects, axis=-1)

    def precisions(self, margins: np.ndarray) -> list[list[RunPrecision]]:
        """Return average precision of the runs of one study, (S, K): the score of a detection is its margin."""
        return [[self._precision(seed, fold) for fold in range(self.folds)] for seed in margins]

    def _precision(self, margins: np.ndarray, fold: int) -> RunPrecision:
        here = self.fold[self.photo] == fold
        own = np.flatnonzero(self.fold == fold)
        wrong = np.repeat(own, self.rng.poisson(WRONG, len(own)))
        found = here & (margins > 0)
        score = np.concatenate([margins[found], self.rng.normal(0, 1, len(wrong))])
        order = np.argsort(-score)
        photo = np.concatenate([self.photo[found], wrong])[order]
        right = np.concatenate([np.ones(found.sum(), bool), np.zeros(len(wrong), bool)])[order][None]
        objects = np.where(self.fold == fold, self.objects, 0).astype(float)
        value, influence = precision_and_influence(right, np.ones_like(right), photo, objects)
        return RunPrecision(float(value[0]), influence[0], objects / objects.sum())

    def _effect(self, studies: int, runs: int, sd: float) -> np.ndarray:
        of_photos = self.rng.normal(size=(studies, runs, self.photos))[..., self.photo]
        own = self.rng.normal(size=(studies, runs, len(self.photo)))
        return sd * (np.sqrt(self.latent) * of_photos + np.sqrt(1 - self.latent) * own)


def rates(design: tuple[int, int, int], sd: float, correlation: float, rate: float, studies: int) -> dict[str, float]:
    """Return coverage and half-width of accuracy, and how often equal settings are told apart or called equivalent."""
    inside, width, apart, equivalent = [], [], [], []
    for batch in range(0, studies, 250):
        world = World(design, sd, correlation, rate, seed=batch)
        folds = world.fold if world.folds > 1 else None
        first, second = map(world.counts, world.margins(250))
        _, low, high = pooled_rate(first, np.broadcast_to(world.objects, first.shape), folds)
        inside.append((low <= rate) & (rate <= high))
        width.append((high - low) / 2)
        apart.append(rate_difference(first, second, world.objects, folds).p() < 0.05)
        # Settings that differ by exactly the margin must not be called equivalent.
        scale = np.sqrt(DIFFICULTY**2 + sd**2 + 1)
        shift = (norm.ppf(rate) - norm.ppf(rate - MARGIN)) * scale
        first, second = map(world.counts, world.margins(250, -shift))
        equivalent.append(rate_difference(first, second, world.objects, folds).equivalence_p(MARGIN) < 0.05)
    names = {"accuracy_inside": inside, "half_width": width, "told_apart": apart, "wrongly_equivalent": equivalent}
    return {name: float(np.mean(each)) for name, each in names.items()}


@cache
def true_precision(sd: float, correlation: float, rate: float) -> float:
    """Return the mean average precision of many networks on many photos; its standard error is below 0.003."""
    values = []
    for seed in range(TRUTH_SETS):
        large = World((TRUTH_PHOTOS, TRUTH_SEEDS, 1), sd, correlation, rate, seed)
        values += [run.value for runs in large.precisions(large.margins(1)[0][0]) for run in runs]
    return float(np.mean(values))


def precisions(
    design: tuple[int, int, int], sd: float, correlation: float, rate: float, studies: int
) -> dict[str, float]:
    """Return coverage, half-width and bias of average precision, and how often equal settings are told apart.

    Average precision is a little higher on few photos than on many. `ap_inside` is the coverage of its expected value
    on so many photos, `ap_inside_many` that on many.
    """
    many = true_precision(sd, correlation, rate)
    world = World(design, sd, correlation, rate, seed=2)
    folds = world.fold if world.folds > 1 else None
    found: list[tuple[np.ndarray, ...]] = []
    apart = []
    for pair in zip(*world.margins(studies), strict=True):
        scored = [setting_precision(world.precisions(each)) for each in pair]
        found += [interval(np.array(one.value), one.deviations, one.weights, folds) for one in scored]
        first, second = scored
        both = (np.array(first.value), np.array(second.value))
        weights = np.maximum(first.weights, second.weights)
        apart.append(difference(both, (first.deviations, second.deviations), weights, folds).p() < 0.05)
    values, lows, highs = np.array(found).T
    expected = np.mean(values)
    return {
        "ap_inside": float(np.mean((lows <= expected) & (expected <= highs))),
        "ap_inside_many": float(np.mean((lows <= many) & (many <= highs))),
        "ap_bias": float(expected - many),
        "ap_half_width": float(np.mean((highs - lows) / 2)),
        "ap_told_apart": float(np.mean(apart)),
    }


def main() -> None:
    """Simulate all worlds and print the smallest and largest shares of each design."""
    records = []
    for design, sd, correlation, rate in track(list(product(DESIGNS, SEED_SD, CORRELATION, RATES))):
        if design[1:] == (1, 1) and sd:
            continue  # an interval of one network is not for other seeds
        facts: dict[str, float] = dict(zip(("photos", "seeds", "folds"), design, strict=True))
        facts |= {"seed_sd": sd, "correlation": correlation, "rate": rate}
        record = facts | rates(design, sd, correlation, rate, STUDIES)
        if correlation == 0.3 and rate < 0.95:
            record |= precisions(design, sd, correlation, rate, STUDIES)
        records.append(record)
    names = list(dict.fromkeys(name for record in records for name in record))
    with Path(__file__).with_name("photos.csv").open("w", encoding="utf-8", newline="") as opened:
        lines = csv.DictWriter(opened, names, restval="", lineterminator="\n")
        lines.writeheader()
        lines.writerows(records)
    for design in DESIGNS:
        own = [each for each in records if (each["photos"], each["seeds"], each["folds"]) == design]
        shown = []
        for name in names[6:]:
            values = [each[name] for each in own if name in each]
            shown.append(f"{name} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(*design, *shown, sep=" | ")


if __name__ == "__main__":
    main()
