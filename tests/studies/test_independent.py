"""A table recomputed from its file of runs by code of its own, which follows docs/explanation/statistics.md."""

import csv
import math
from collections import defaultdict
from pathlib import Path

import pytest
from scipy.stats import t as student

from fmask.studies import read_runs, tabulate

FILE = Path(__file__).parents[2] / "experiments" / "report_table" / "runs.csv"
OUTCOME, NOT_SETTINGS = "outcome_at_0.9", ("param.seed", "param.min_confidence")


def read() -> list[list[dict[str, list[int]]]]:
    """Return for each setting and seed, by first run, whether the objects of each photo are found."""
    runs: dict[str, list[dict[str, str]]] = defaultdict(list)
    with FILE.open(newline="") as opened:
        for line in csv.DictReader(opened):
            if line["status"] == "FINISHED":
                runs[line["run"]].append(line)
    settings: dict[tuple[str, ...], dict[str, dict[str, list[int]]]] = {}
    for lines in sorted(runs.values(), key=lambda lines: lines[0]["started"]):
        setting = tuple(v for k, v in lines[0].items() if k.startswith("param.") and k not in NOT_SETTINGS)
        photos: dict[str, list[int]] = defaultdict(list)
        for line in lines:
            if line[OUTCOME]:
                photos[line["photo"]].append(int(line[OUTCOME] == "found"))
        settings.setdefault(setting, {})[lines[0]["param.seed"]] = photos
    return [list(seeds.values()) for seeds in settings.values()]


def variance(settings: list[list[dict[str, list[int]]]]) -> tuple[float, float, tuple[float, float]]:
    """Return the variance of a rate, or of the difference of two, its degrees of freedom, and a rate's two parts."""
    photos = sorted(settings[0][0])
    total, number = sum(len(settings[0][0][photo]) for photo in photos), len(photos)
    means, seed_terms, rest, rest_degrees = [], [], 0.0, 0
    for runs in settings:
        count = len(runs)
        rate = sum(sum(run[photo]) for run in runs for photo in photos) / total / count
        e = [[(sum(run[photo]) - rate * len(run[photo])) / total for photo in photos] for run in runs]
        mean = [sum(column) / count for column in zip(*e, strict=True)]
        means.append(mean)
        if count > 1:
            luck = [sum(row) for row in e]
            seed_terms.append((sum(each**2 for each in luck) / (count - 1) / count, count - 1))
            for row, own in zip(e, luck, strict=True):
                for value, average, photo in zip(row, mean, photos, strict=True):
                    left = value - average - own * len(runs[0][photo]) / total
                    rest += number / (number - 1) * left**2 / (count - 1) / count
            rest_degrees += count - 1
    between = [values[-1] - (values[0] if len(values) > 1 else 0) for values in zip(*means, strict=True)]
    of_photos = number / (number - 1) * sum(value**2 for value in between)
    seeds = sum(value for value, _ in seed_terms)
    whole = max(of_photos, seeds, of_photos + seeds - rest)
    below = of_photos**2 / (number - 1) + rest**2 / (max(rest_degrees, 1) * (number - 1))
    below += sum(value**2 / degrees for value, degrees in seed_terms)
    return whole, max(1.0, whole**2 / below), (of_photos, max(0.0, seeds - rest))


def test_rates_intervals_and_p_values_of_the_committed_runs() -> None:
    settings = read()
    (table,) = tabulate(read_runs(FILE), confidence=0.9)
    assert len(settings) == len(table.rows)
    tests: list[tuple[float, int]] = []
    rates = []
    for runs, row in zip(settings, table.rows, strict=True):
        trials = sum(len(outcomes) for run in runs for outcomes in run.values())
        rate = sum(sum(outcomes) for run in runs for outcomes in run.values()) / trials
        rates.append(rate)
        of_rate, degrees, (of_photos, of_seeds) = variance([runs])
        square = student.ppf(0.975, degrees) ** 2 * of_rate
        if len(runs) > 1:
            parts = student.ppf(0.975, len(runs[0]) - 1) ** 2 * of_photos
            square = max(square, parts + student.ppf(0.975, len(runs) - 1) ** 2 * of_seeds)
        effective, quantile = min(trials, rate * (1 - rate) / of_rate), math.sqrt(square / of_rate)
        centre = (rate + quantile**2 / 2 / effective) / (1 + quantile**2 / effective)
        half = quantile * math.sqrt(rate * (1 - rate) / effective + quantile**2 / 4 / effective**2)
        half /= 1 + quantile**2 / effective
        assert (row.accuracy.value, row.accuracy.low, row.accuracy.high) == pytest.approx(
            (rate, centre - half, centre + half)
        )
    for number, runs in enumerate(settings[1:], start=1):
        if min(len(runs), len(settings[0])) > 1:
            of_difference, degrees, _ = variance([settings[0], runs])
            reached = abs(rates[number] - rates[0]) / math.sqrt(of_difference)
            p = min(1, max(2 * student.sf(reached, degrees), 2.0 ** (1 - len(runs[0]))))
            tests.append((p, number))
    largest = 0.0
    for nth, (p, number) in enumerate(sorted(tests)):
        largest = max(largest, min(1.0, p * (len(tests) - nth)))
        compared = table.rows[number].comparison
        assert compared is not None
        assert (compared.p, compared.adjusted_p) == pytest.approx((p, largest))
    assert tests
