"""Measure how often the tests and intervals of a study's table are wrong: python -m experiments.statistics.measure

Writes `level.csv`, `power.csv`, `coverage.csv` and `results.md` beside this file. Takes about two minutes on one core.
"""

import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from rich.progress import track

from experiments.statistics.candidates import CANDIDATES
from experiments.statistics.simulate import World, simulate
from fmask.studies.statistics import pooled_rate

FOLDER = Path(__file__).parent
STUDIES = 2000
"""Simulated studies of each world: the standard error of a share of 0.05 is 0.005."""
BATCH = 250
"""Studies on photos of the same sizes."""
OBJECTS = (18, 64, 200)
SEEDS = ((2, 2), (3, 3), (5, 5), (3, 5))
SEED_SD = (0, 0.3, 0.6)
CORRELATION = (0, 0.3, 0.6)
Record = dict[str, object]


def main() -> None:
    """Simulate, and write the shares of wrong tests and of intervals that contain the truth."""
    level, power, coverage = list(levels()), list(powers()), list(coverages())
    for name, records in {"level": level, "power": power, "coverage": coverage}.items():
        with (FOLDER / f"{name}.csv").open("w", encoding="utf-8", newline="") as opened:
            lines = csv.DictWriter(opened, list(records[0]), lineterminator="\n")
            lines.writeheader()
            lines.writerows(records)
    (FOLDER / "results.md").write_text("\n".join(_markdown(level, power, coverage)), encoding="utf-8")


def levels() -> Iterator[Record]:
    """Return how often settings of equal accuracy are told apart, for each kind of equality and each test."""
    rng = np.random.default_rng(1)
    worlds = [
        (kind, World(objects, seeds, (sd, sd), correlation, own_photos=own))
        for kind, own in (("identical", 0), ("good at different photos", 0.5))
        for objects, seeds, sd, correlation in product(OBJECTS, SEEDS, SEED_SD, CORRELATION)
    ]
    worlds += [
        ("seeds vary in one only", World(objects, seeds, (0, 0.6), correlation))
        for objects, seeds, correlation in product(OBJECTS, (*SEEDS, (5, 3)), CORRELATION)
    ]
    for kind, world in track(worlds, "level"):
        for name, share in _rejections(world, rng).items():
            yield {"kind": kind, **_facts(world), "test": name, "p_below_0.05": share}


def powers() -> Iterator[Record]:
    """Return how often settings of different accuracy are told apart."""
    rng = np.random.default_rng(2)
    worlds = [
        World(objects, seeds, (sd, sd), correlation, shift=shift)
        for (objects, shift), seeds, sd, correlation in product(
            ((18, 1.5), (64, 0.8), (200, 0.5)), SEEDS, SEED_SD[:2], (0.3,)
        )
    ]
    for world in track(worlds, "power"):
        for name, share in _rejections(world, rng).items():
            yield {**_facts(world), "shift": world.shift, "test": name, "p_below_0.05": share}


def coverages() -> Iterator[Record]:
    """Return how often the 95 % interval of accuracy and of precision contains the truth."""
    rng = np.random.default_rng(3)
    grid = list(product((0.3, 0.6, 0.9, 0.97), (1, 2, 3, 5), OBJECTS, SEED_SD, CORRELATION))
    for accuracy, runs, objects, sd, correlation in track(grid, "coverage"):
        world = World(objects, (runs, 1), (sd, sd), correlation, accuracy=accuracy)
        inside: dict[str, list[np.ndarray]] = {"accuracy": [], "own accuracy": [], "precision": []}
        for _ in range(STUDIES // BATCH):
            studies = simulate(world, BATCH, rng)
            found = studies.found[0]
            _, low, high = pooled_rate(found, np.broadcast_to(studies.objects, found.shape))
            own = studies.seed_accuracy.mean(axis=1)
            inside["accuracy"].append((low <= accuracy) & (accuracy <= high))
            inside["own accuracy"].append((low <= own) & (own <= high))
            # Of the objects that are not found, a random third is missed; the others are found wrongly.
            wrong = rng.binomial(studies.objects - found, 2 / 3)
            precision = accuracy / (accuracy + (1 - accuracy) * 2 / 3)
            _, low, high = pooled_rate(found, found + wrong)
            inside["precision"].append((low <= precision) & (precision <= high))
        facts: Record = {
            "accuracy": accuracy,
            "runs": runs,
            "objects": objects,
            "seed_sd": sd,
            "correlation": correlation,
        }
        yield facts | {f"inside_{name.replace(' ', '_')}": float(np.mean(each)) for name, each in inside.items()}


def _rejections(world: World, rng: np.random.Generator) -> dict[str, float]:
    rejected: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    for _ in range(STUDIES // BATCH):
        studies = simulate(world, BATCH, rng)
        for name, test in CANDIDATES.items():
            rejected[name].append(float((test(studies, rng) < 0.05).mean()))
    return {name: float(np.mean(shares)) for name, shares in rejected.items()}


def _facts(world: World) -> Record:
    seeds = f"{world.seeds[0]} and {world.seeds[1]}"
    return {"objects": world.objects, "seeds": seeds, "seed_sd": world.seed_sd[1], "correlation": world.correlation}


def _markdown(level: list[Record], power: list[Record], coverage: list[Record]) -> Iterator[str]:
    kinds = list(dict.fromkeys(str(record["kind"]) for record in level))
    yield "Share of studies in which two settings of equal accuracy are told apart (p < 0.05): mean, largest\n"
    yield f"| test | {' | '.join(kinds)} |\n| --- |{' ---: |' * len(kinds)}"
    for name in CANDIDATES:
        cells = [_range(level, "p_below_0.05", test=name, kind=kind) for kind in kinds]
        yield f"| {name} | {' | '.join(f'{mean:.3f}, {largest:.3f}' for mean, _, largest in cells)} |"
    yield "\nThe test that is used, identical settings: mean, largest\n"
    yield f"| seeds | {' | '.join(f'{objects} objects' for objects in OBJECTS)} |\n| --- |{' ---: |' * len(OBJECTS)}"
    used = list(CANDIDATES)[-1]
    for first, second in SEEDS:
        seeds = f"{first} and {second}"
        cells = [_range(level, "p_below_0.05", test=used, kind="identical", seeds=seeds, objects=n) for n in OBJECTS]
        yield f"| {seeds} | {' | '.join(f'{mean:.3f}, {largest:.3f}' for mean, _, largest in cells)} |"
    yield "\nPower: share of studies in which two settings that differ are told apart (correlation 0.3)\n"
    sizes = list(dict.fromkeys((record["objects"], record["seed_sd"]) for record in power))
    yield f"| seeds | test | {' | '.join(f'{n} objects, seed sd {sd:g}' for n, sd in sizes)} |"
    yield f"| --- | --- |{' ---: |' * len(sizes)}"
    for (first, second), name in product(SEEDS, list(CANDIDATES)[2:]):
        seeds = f"{first} and {second}"
        cells = [_range(power, "p_below_0.05", test=name, seeds=seeds, objects=n, seed_sd=sd) for n, sd in sizes]
        yield f"| {seeds} | {name} | {' | '.join(f'{mean:.2f}' for mean, *_ in cells)} |"
    yield "\nShare of 95 % intervals that contain the truth: mean, smallest\n"
    yield f"| runs | of | {' | '.join(f'{objects} objects' for objects in OBJECTS)} |"
    yield f"| --- | --- |{' ---: |' * len(OBJECTS)}"
    for runs, (column, truth) in product(
        (1, 2, 3, 5),
        {
            "inside_accuracy": "accuracy, other photos and seeds",
            "inside_own_accuracy": "accuracy of these networks on other photos",
            "inside_precision": "precision, other photos and seeds",
        }.items(),
    ):
        cells = [_range(coverage, column, runs=runs, objects=objects) for objects in OBJECTS]
        yield f"| {runs} | {truth} | {' | '.join(f'{mean:.3f}, {smallest:.3f}' for mean, smallest, _ in cells)} |"
    yield ""


def _range(records: list[Record], column: str, **where: object) -> tuple[float, float, float]:
    values = [float(str(each[column])) for each in records if where.items() <= each.items()]
    return float(np.mean(values)), min(values), max(values)


if __name__ == "__main__":
    main()
