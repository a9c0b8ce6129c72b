"""Measure calibration and operating points on finished runs: python -m experiments.operating_point.measure NAME RUN...

Each run predicts its validation and test photos again. What is learned on its validation photos is measured on its test
photos. With a run for each fold, these are all annotated photos. Writes methods.csv, calibration.csv, thresholds.csv
and reliability.png to the folder NAME beside this file.
"""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from fmask import tracking
from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.calibration import CalibrationError, ScoredDetections, fit, measure_error
from fmask.evaluation.operating_point import Aim
from fmask.evaluation.operating_report import Scored
from fmask.evaluation.outcomes import Outcome, count_outcomes
from fmask.evaluation.reliability_figure import reliability_diagram
from fmask.report.photos import predict_again
from fmask.structures.detections import EncodedDetections
from fmask.structures.operating_point import log_odds

HERE = Path(__file__).parent
AIMS = ("accuracy", "precision=0.9", "precision=0.95", "false_alarms=10", "false_alarms=5")
FIXED = (0.5, 0.6, 0.7, 0.8, 0.9)
PROBABLE = (0.3, 0.5)
RESAMPLES = 2000
Keep = Callable[[EncodedDetections], np.ndarray]
"""Which detections in a photo count."""
Method = Callable[[ScoredDetections], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class Pair:
    """Photos to choose on, and photos to measure on, with the detections of one network."""

    run: str
    chosen_on: Scored
    measured_on: Scored

    def scored(self) -> tuple[ScoredDetections, ScoredDetections]:
        """Return the detections to choose on and to measure on."""
        both = (self.chosen_on, self.measured_on)
        return tuple(ScoredDetections.of(each.matches.values()) for each in both)  # type: ignore[return-value]


def predict(run: tracking.RunInfo, split: str) -> Scored:
    """Predict photos of a run again."""
    found = predict_again(run, Console(), split, None)
    return Scored(found.photos, found.detections, average_precision(found.photos, found.detections).matches)


def pair(name: str) -> Pair:
    """Return the photos and detections of a finished run."""
    run = tracking.find_run(name)
    return Pair(run.id, predict(run, "val"), predict(run, "test"))


def temperature(found: ScoredDetections) -> Callable[[np.ndarray], np.ndarray]:
    """Scale the log-odds by one parameter."""
    return _by_likelihood(found, lambda p, s: np.exp(p[0]) * log_odds(s), 1)


def beta(found: ScoredDetections) -> Callable[[np.ndarray], np.ndarray]:
    """Fit beta calibration (Kull et al. 2017), three parameters, with the priors of `fit`."""

    def margin(parameters: np.ndarray, scores: np.ndarray) -> np.ndarray:
        inside = np.clip(scores, 1e-6, 1 - 1e-6)
        a, b = np.exp(parameters[:2])
        return a * np.log(inside) - b * np.log1p(-inside) + 2 * parameters[2]

    return _by_likelihood(found, margin, 3)


def isotonic(found: ScoredDetections) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a step function."""
    return IsotonicRegression(out_of_bounds="clip").fit(found.scores, found.right).predict


def _by_likelihood(found: ScoredDetections, margin: Any, count: int) -> Callable[[np.ndarray], np.ndarray]:
    def loss(parameters: np.ndarray) -> float:
        signs = np.where(found.right, 1, -1)
        return float(np.logaddexp(0, -signs * margin(parameters, found.scores)).sum() + (parameters**2).sum() / 2)

    best = minimize(loss, np.zeros(count)).x
    return lambda scores: 1 / (1 + np.exp(-margin(best, scores)))


METHODS: Mapping[str, Method] = {
    "none": lambda found: lambda scores: scores,
    "temperature": temperature,
    "logistic": fit,
    "beta": beta,
    "isotonic": isotonic,
}


def calibrated(pairs: Sequence[Pair], method: Method) -> tuple[ScoredDetections, np.ndarray]:
    """Return the measured detections of all pairs as one, and their probabilities, learned on the other photos.

    Detections of one photo by several networks stay together when photos are resampled.
    """
    scored = [(learned, measured, method(learned)) for learned, measured in (pair.scored() for pair in pairs)]
    names = list(dict.fromkeys(name for pair in pairs for name in pair.measured_on.matches))
    places = [np.array([names.index(name) for name in pair.measured_on.matches])[measured.photos]
              for pair, (_, measured, _) in zip(pairs, scored, strict=True)]  # fmt: skip
    together = ScoredDetections(
        np.concatenate([measured.scores for _, measured, _ in scored]),
        np.concatenate([measured.right for _, measured, _ in scored]),
        np.concatenate(places),
        len(names),
    )
    return together, np.concatenate([map_(measured.scores) for _, measured, map_ in scored])


def method_rows(pairs: Sequence[Pair]) -> list[list[Any]]:
    """Compare ways to calibrate: mean log loss, Brier score and D-ECE on photos that they were not learned on."""
    rows = []
    for name, method in METHODS.items():
        found, probabilities = calibrated(pairs, method)
        inside = np.clip(probabilities, 1e-6, 1 - 1e-6)
        loss = -np.where(found.right, np.log(inside), np.log(1 - inside)).mean()
        brier = ((probabilities - found.right) ** 2).mean()
        rows.append([name, len(found), f"{loss:.3f}", f"{brier:.3f}", *_error(measure_error(probabilities, found))])
    return rows


def calibration_rows(pairs: Sequence[Pair]) -> list[list[Any]]:
    """Return D-ECE before and after calibration, of each pair and of all together."""
    rows = []
    for run, some in [*((pair.run, [pair]) for pair in pairs), ("all", list(pairs))]:
        found, probabilities = calibrated(some, fit)
        raw, after = measure_error(found.scores, found), measure_error(probabilities, found)
        rows.append([run, len(found), *_error(raw), *_error(after)])
    return rows


def threshold_rows(pairs: Sequence[Pair]) -> list[list[Any]]:
    """Return what fixed and chosen thresholds find on the measured photos of all pairs."""
    rules: dict[str, Callable[[Pair], Keep]] = {
        **{f"fixed {least:g}": partial(_fixed, least) for least in FIXED},
        **{aim: partial(_chosen, aim) for aim in AIMS},
        **{f"probability {least:g}": partial(_probable, least) for least in PROBABLE},
    }
    names = list(dict.fromkeys(photo.name for pair in pairs for photo in pair.measured_on.photos))
    rows = []
    for rule, make in rules.items():
        counts = np.zeros((len(names), 4), dtype=np.int64)
        for pair in pairs:
            keep = make(pair)
            for photo, found in zip(pair.measured_on.photos, pair.measured_on.detections, strict=True):
                outcomes = count_outcomes([photo], [found.where(keep(found))])
                counts[names.index(photo.name)] += [*(outcomes.count(each) for each in Outcome), len(outcomes.spurious)]
        drawn = (
            np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES) @ counts
        )
        shares = np.percentile(drawn[:, 0] / drawn[:, :3].sum(axis=1), (2.5, 97.5))
        spurious = np.percentile(drawn[:, 3], (2.5, 97.5))
        rows.append([rule, *counts.sum(axis=0).tolist(), *(f"{each:.3f}" for each in shares),
                     *(f"{each:.0f}" for each in spurious)])  # fmt: skip
    return rows


def _fixed(least: float, pair: Pair) -> Keep:
    return lambda found: found.scores >= least


def _chosen(aim: str, pair: Pair) -> Keep:
    point = pair.chosen_on.choose(Aim.parse(aim))
    return lambda found: point.keeps(found.class_ids, found.scores)


def _probable(least: float, pair: Pair) -> Keep:
    calibration = fit(pair.scored()[0])
    return lambda found: calibration(found.scores) >= least


def _error(error: CalibrationError) -> list[str]:
    return [f"{each:.3f}" for each in (error.value, error.low, error.high, error.by_chance)]


def main(name: str, runs: Sequence[str]) -> None:
    """Measure, and write the tables and the figure."""
    pairs = [pair(run) for run in track(runs, "Runs")]
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    error = ["d_ece", "low", "high", "by_chance"]
    after = [f"calibrated_{each}" for each in error]
    _write(folder / "methods.csv", ["method", "detections", "log_loss", "brier", *error], method_rows(pairs))
    _write(folder / "calibration.csv", ["run", "detections", *error, *after], calibration_rows(pairs))
    outcomes = ["found", "found_wrongly", "missed", "spurious"]
    limits = ["found_low", "found_high", "spurious_low", "spurious_high"]
    _write(folder / "thresholds.csv", ["rule", *outcomes, *limits], threshold_rows(pairs))
    found, probabilities = calibrated(pairs, fit)
    reliability_diagram(found, probabilities, f"{name}: test").savefig(folder / "reliability.png", dpi=150)


def _write(path: Path, head: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
