"""What an operating point gives on annotated photos: for the terminal, and as artifacts of a run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from rich.markup import escape
from rich.table import Table

from fmask.evaluation.calibration import CalibrationError, ScoredDetections, calibrated_elsewhere, measure_error
from fmask.evaluation.matches import PhotoMatches
from fmask.evaluation.operating_point import ACCURACY, PRECISION, Aim, choose
from fmask.evaluation.outcomes import Outcome, Outcomes, count_outcomes
from fmask.evaluation.reliability_figure import reliability_diagram
from fmask.evaluation.scores import Scores
from fmask.structures.annotations import Photo, Split
from fmask.structures.detections import EncodedDetections
from fmask.structures.operating_point import FIXED, OperatingPoint
from fmask.utils.errors import UserError

ARTIFACT = "operating_point.json"
"""Artifact of a run: its operating point, and what it gives on the validation and test photos."""
SPLIT = "val"
"""The split on which the operating point of a run is chosen."""


@dataclass(frozen=True)
class Scored:
    """Annotated photos and their detections of any confidence."""

    photos: Sequence[Photo]
    detections: Sequence[EncodedDetections]
    matches: Mapping[str, PhotoMatches]
    """`AveragePrecision.matches` of them."""

    @classmethod
    def of(cls, split: Split, detections: Sequence[EncodedDetections], scores: Mapping[float, Scores]) -> "Scored":
        """Return a split with its detections, whose scores by confidence are known."""
        return cls(split.photos, detections, next(iter(scores.values())).average_precision.matches)

    def choose(self, aim: Aim) -> OperatingPoint:
        """Choose an operating point on these photos; see `fmask.evaluation.operating_point.choose`."""
        return choose(self.photos, self.detections, self.matches, aim)


class Log(Protocol):
    """Where artifacts go: a `fmask.tracking.Run`, or one that has ended."""

    def log_json(self, value: Any, path: str) -> None:
        """Log a value as a JSON file."""

    def log_figure(self, figure: Figure, path: str) -> None:
        """Log a figure."""


@dataclass(frozen=True)
class AtPoint:
    """What an operating point gives on annotated photos."""

    outcomes: Outcomes
    fixed: Outcomes
    """The outcomes at a lowest score of 0.5, to compare with."""
    scored: ScoredDetections
    probabilities: np.ndarray
    """(N,) the calibrated probabilities of the scored detections."""
    raw: CalibrationError
    """D-ECE of the scores."""
    calibrated: CalibrationError
    """D-ECE of the probabilities."""

    def to_json(self) -> dict[str, Any]:
        """Return the counts and errors as JSON-serializable values."""
        classes = self.outcomes.classes
        return {
            **{outcome.replace(" ", "_"): self.outcomes.count(outcome) for outcome in Outcome},
            "spurious": len(self.outcomes.spurious),
            "classes": dict(zip(classes, (asdict(each) for each in _by_class(self.outcomes)), strict=True)),
            "d_ece": {"raw": _known(self.raw), "calibrated": _known(self.calibrated)},
        }


@dataclass(frozen=True)
class _Counts:
    objects: int
    found: int
    spurious: int
    detections: int
    """The number of detections; each found object has one that is right."""


def measure(point: OperatingPoint, split: Scored, chosen_here: bool) -> AtPoint:
    """Measure an operating point.

    Args:
        point: the operating point.
        split: the photos to measure it on.
        chosen_here: whether it was chosen on these photos. If so, each detection is calibrated on other ones of them,
            so that the calibration error is that of new photos; the outcomes are still too good.
    """
    scored = ScoredDetections.of(split.matches.values())
    probabilities = calibrated_elsewhere(scored) if chosen_here else point.calibration(scored.scores)
    kept = [found.where(point.keeps(found.class_ids, found.scores)) for found in split.detections]
    return AtPoint(
        count_outcomes(split.photos, kept),
        count_outcomes(split.photos, [found.at_least(FIXED) for found in split.detections]),
        scored,
        probabilities,
        measure_error(scored.scores, scored),
        measure_error(probabilities, scored),
    )


def choose_and_log(run: Log, splits: Mapping[str, Scored], aim: Aim) -> tuple[OperatingPoint, list[Table]]:
    """Choose the operating point of a run on its validation photos; log it and what it gives on all splits.

    Args:
        run: the run.
        splits: `val` and other splits, by name.
        aim: what it is for.

    Returns:
        The operating point, and tables for the terminal.

    Raises:
        UserError: no thresholds reach the aim, as for a network that finds nothing.
    """
    point = splits[SPLIT].choose(aim)
    measured = {name: measure(point, split, name == SPLIT) for name, split in splits.items()}
    return point, _log(run, point, measured, f" of {SPLIT}")


def choose_default(run: Log, splits: Mapping[str, Scored]) -> tuple[OperatingPoint | None, list[Table]]:
    """Choose the operating point of a run for accuracy, as `choose_and_log`; None if the network finds nothing."""
    try:
        return choose_and_log(run, splits, Aim(ACCURACY))
    except UserError:
        return None, []


def log_given(run: Log, point: OperatingPoint, name: str, split: Scored) -> list[Table]:
    """Log what an operating point that was chosen elsewhere gives on a split; return tables for the terminal."""
    return _log(run, point, {name: measure(point, split, chosen_here=False)}, "")


def _log(run: Log, point: OperatingPoint, measured: Mapping[str, AtPoint], where: str) -> list[Table]:
    splits = {name: each.to_json() for name, each in measured.items()}
    run.log_json({"operating_point": point.to_json(), "splits": splits}, ARTIFACT)
    for name, each in measured.items():
        run.log_figure(reliability_diagram(each.scored, each.probabilities, name), f"figures/{name}_reliability.png")
    return operating_tables(point, measured, where)


def operating_tables(point: OperatingPoint, measured: Mapping[str, AtPoint], where: str = "") -> list[Table]:
    """Return tables for the terminal: outcomes at the operating point, and calibration errors.

    For an aim of precision, the first table shows right detections out of all in place of spurious ones.

    Args:
        point: the operating point.
        measured: what it gives on splits, by name.
        where: what follows the number of photos on which it was chosen.
    """
    is_precision = point.aim.startswith(PRECISION)
    chosen_on = f"{point.objects} objects in {point.photos} photos{where}"
    table = Table("class", title=escape(f"Operating point for {point.aim}, chosen on {chosen_on}"))
    table.add_column("lowest score", justify="right")
    table.add_column("prob.", justify="right")
    for name in measured:
        table.add_column(escape(f"{name} found"), justify="right")
        table.add_column("right" if is_precision else "spurious", justify="right")
    limits = np.array(list(point.thresholds.values()))
    lowest = zip(point.thresholds, limits, point.calibration(np.minimum(limits, 1)), strict=True)
    counts = [_by_class(each.outcomes) for each in measured.values()]
    for place, (name, limit, probability) in enumerate(lowest):
        last = place == len(limits) - 1
        table.add_row(
            escape(name),
            "none" if limit > 1 else f"{limit:.3f}",
            "-" if limit > 1 else f"{probability:.2f}",
            *_cells((each[place] for each in counts), is_precision),
            end_section=last,
        )
    table.add_row("all", "", "", *_cells(map(_total, [each.outcomes for each in measured.values()]), is_precision))
    table.add_row(
        "all", f"{FIXED:g}", "", *_cells(map(_total, [each.fixed for each in measured.values()]), is_precision)
    )
    errors = Table("", "scores", "probabilities", "by chance", title="Calibration error (D-ECE) at a mask IoU of 0.5")
    for name, each in measured.items():
        chance = each.calibrated.by_chance
        chance_text = "-" if np.isnan(chance) else f"{chance:.3f}"
        errors.add_row(escape(name), _error(each.raw), _error(each.calibrated), chance_text)
    return [table, errors]


def _cells(counts: Iterable[_Counts], is_precision: bool) -> list[str]:
    cells = []
    for each in counts:
        second = f"{each.found} of {each.detections}" if is_precision else str(each.spurious)
        cells += [f"{each.found} of {each.objects}", second]
    return cells


def _total(outcomes: Outcomes) -> _Counts:
    counts = _by_class(outcomes)
    return _Counts(*(sum(getattr(each, key.name) for each in counts) for key in fields(_Counts)))


def _by_class(outcomes: Outcomes) -> list[_Counts]:
    counts = []
    for class_id in range(1, 1 + len(outcomes.classes)):
        own = [record.outcome for record in outcomes.objects if record.class_id == class_id]
        spurious = sum(record.class_id == class_id for record in outcomes.spurious)
        claims = sum(record.claimed_class_ids.count(class_id) for record in outcomes.objects)
        counts.append(_Counts(len(own), own.count(Outcome.FOUND), spurious, claims + spurious))
    return counts


def _known(error: CalibrationError) -> dict[str, float | None]:
    """Return the numbers of an error by name; None in place of NaN, which JSON lacks."""
    return {name: None if np.isnan(value) else value for name, value in asdict(error).items()}


def _error(error: CalibrationError) -> str:
    return "-" if np.isnan(error.value) else f"{error.value:.3f} ({error.low:.2f} to {error.high:.2f})"
