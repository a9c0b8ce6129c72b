"""Learning curves: a score against the number of training photos, and the gain of the last doubling.

Nothing is extrapolated: a curve says what was measured, and nothing about more photos.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from fmask.evaluation.outcomes import Rate
from fmask.studies.comparison import Comparison
from fmask.studies.output import label
from fmask.studies.plans.file import ACCURACY
from fmask.studies.runs import SHARE, SHARE_SEED, WHOLE, Study
from fmask.studies.table import NOT_SET, Row, StudyTable, tabulate
from fmask.utils.errors import UserError
from fmask.visualization.literal import literal

if TYPE_CHECKING:  # only the figure needs Matplotlib
    from matplotlib.figure import Figure

DOUBLING = (1.8, 2.2)
"""Ratios of two numbers of photos that count as a doubling: folds and near-duplicates allow no exact one."""


@dataclass(frozen=True)
class Point:
    """A share of the training photos."""

    photos: float
    """Number of training photos, the mean over the runs."""
    score: Rate
    """With its 95 % interval for other photos and other seeds, as in the study's table."""
    row: int
    """Number of the row in the study's table."""
    seeds: int


@dataclass(frozen=True)
class Curve:
    """The points of one setting, in the order of their numbers of photos; at least two."""

    name: str
    """The settings in which the curves of a study differ; empty for a single curve."""
    points: tuple[Point, ...]
    first: Point
    """The point that the last one is compared with: that with about half as many photos, or else the one before it."""
    gain: Comparison
    """The last point compared with `first`, in the same test photos."""

    @property
    def is_doubling(self) -> bool:
        """Whether the last point has about twice as many photos as `first`."""
        return _is_doubling(self.first, self.points[-1])


@dataclass(frozen=True)
class LearningCurves:
    """The learning curves of a study on one data set."""

    table: StudyTable
    score: str
    """`accuracy`, `mask_ap`, `mask_ap50` or `mask_ap50_<class>`."""
    curves: tuple[Curve, ...]


def learning_curves(
    study: Study, score: str = ACCURACY, confidence: float | None = None, data: str | None = None
) -> LearningCurves:
    """Return the learning curves of a study, on the data set of its latest run.

    Args:
        study: its runs, with several values of `data.share`.
        score: the name of the score.
        confidence: detections with a lower score do not count; None: as for `tabulate`.
        data: use only runs on this data; None: all runs.

    Raises:
        UserError: the study has no setting with two shares, or does not have the score.
    """
    table = tabulate(study, confidence, data=data)[0]
    name = f"The study {study.name!r}"
    share = next((each for each in table.columns if f".{SHARE}".endswith(f".{each}")), None)
    if share is None:
        raise UserError(
            f"{name} has no runs with different data.share; `fmask sweep study={study.name} data.share=0.25,0.5,1` "
            "trains some."
        )
    known = sorted({ACCURACY, *(each for row in table.rows for each in row.precisions)})
    if score not in known:
        raise UserError(f"--score must be one of {', '.join(known)}, not {score}.")
    groups: dict[tuple[str, ...], list[Row]] = {}
    whole: list[tuple[tuple[str, ...], Row]] = []
    for row in table.rows:
        if isnan(row.train_photos) or (score != ACCURACY and score not in row.precisions):
            continue
        named = dict(zip(table.columns, row.settings, strict=True))
        draw = named.pop(SHARE_SEED.rpartition(".")[2], NOT_SET)
        if named.pop(share) == WHOLE:
            whole.append((tuple(named.values()), row))  # of the curves of all draws
        else:
            groups.setdefault((draw, *named.values()), []).append(row)
    for others, row in whole:
        for (_, *rest), rows in groups.items():
            if tuple(rest) == others:
                rows.append(row)
    several = [sorted(rows, key=lambda row: row.train_photos) for rows in groups.values() if len(rows) > 1]
    if not several:
        raise UserError(f"{name} has no setting with two different data.share and recorded numbers of photos.")
    curves = tuple(_curve(study, table, rows, score, data, share) for rows in several)
    return LearningCurves(table, score, curves)


def _is_doubling(first: Point, last: Point) -> bool:
    return DOUBLING[0] <= last.photos / first.photos <= DOUBLING[1]


def _curve(study: Study, table: StudyTable, rows: Sequence[Row], score: str, data: str | None, share: str) -> Curve:
    points = [
        Point(row.train_photos, row.accuracy if score == ACCURACY else row.precisions[score], row.number, row.seeds)
        for row in rows
    ]
    *earlier, last = points
    doubled = [point for point in earlier if _is_doubling(point, last)]
    first = min(doubled, key=lambda point: abs(last.photos / point.photos - 2), default=earlier[-1])
    again = tabulate(study, table.confidence, first.row, data, table.margin)[0].rows[last.row - 1]
    gain = again.comparison if score == ACCURACY else again.precision_comparisons[score]
    assert gain is not None
    pairs = label(table, rows[0]).split(" ")
    name = " ".join(pair for pair in pairs if not pair.startswith(f"{share}=")) if len(table.columns) > 1 else ""
    return Curve(name, tuple(points), first, gain)


def curve_notes(found: LearningCurves) -> list[str]:
    """Return a sentence for each curve about the gain of the last doubling, and one about what the curves mean."""
    notes = []
    for curve in found.curves:
        last, gain = curve.points[-1], curve.gain
        what = f"{curve.name}: the" if curve.name else "The"
        step = "last doubling of the training photos" if curve.is_doubling else "last step"
        interval = f"95 % interval {gain.low:+.3f} to {gain.high:+.3f}"
        if isnan(gain.low):
            interval = "one seed, so without an interval"
        notes.append(
            f"{what} {step}, from {curve.first.photos:.0f} to {last.photos:.0f}, changed the {found.score} by "
            f"{gain.difference:+.3f} ({interval})."
        )
    one_seed = [point.seeds == 1 for curve in found.curves for point in curve.points]
    seeds = "not for other seeds" if all(one_seed) else "and for other seeds where there are several"
    what = f"other test photos, {seeds}" if any(one_seed) else "other test photos and other seeds"
    return [*notes, f"Intervals are for {what}. The curve says nothing about more photos."]


def curves_csv(found: LearningCurves) -> str:
    """Return the points of the curves as CSV, one line each."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["settings", "row", "train_photos", "seeds", "score", "value", "low", "high"])
    for curve in found.curves:
        for point in curve.points:
            score = [found.score, point.score.value, point.score.low, point.score.high]
            lines.writerow([curve.name, point.row, point.photos, point.seeds, *score])
    return text.getvalue()


def draw_curves(found: LearningCurves) -> "Figure":
    """Draw the score against the number of training photos, on a logarithmic scale, with 95 % intervals."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, NullLocator

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for curve in found.curves:
        photos = [point.photos for point in curve.points]
        values = [point.score.value for point in curve.points]
        ends = [[point.score.value - point.score.low for point in curve.points],
                [point.score.high - point.score.value for point in curve.points]]  # fmt: skip
        axes.errorbar(photos, values, yerr=ends, fmt="o-", capsize=3, clip_on=False, label=literal(curve.name) or None)
    axes.set_xscale("log")
    numbers = sorted({point.photos for curve in found.curves for point in curve.points})
    axes.set_xticks(numbers, [f"{number:.0f}" for number in numbers])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    at = f" at confidence {found.table.confidence:g}" if found.score == ACCURACY else ""
    axes.set(xlabel="training photos", ylabel=f"{literal(found.score)}{at}, 95 % interval", ylim=(0, 1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if any(curve.name for curve in found.curves):
        axes.legend(frameon=False, fontsize=9)
    return figure
