"""Figures of a run's scores and losses: matrices and curves.

All functions return Matplotlib figures, which `figure.savefig` writes. pyplot is not used, because its global state is
not thread-safe. A class has the same colour in all figures. No figure is wider than 9 inches: at 100
dots per inch, that is the width in which MLflow shows it.
"""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from fmask.evaluation.average_precision import AveragePrecision
from fmask.evaluation.confidence_curve import CONFIDENCES, ConfidenceCurve
from fmask.evaluation.outcomes import Outcomes, Rate
from fmask.structures.classes import BACKGROUND
from fmask.visualization.literal import literal
from fmask.visualization.palette import ACCENT_COLOUR, class_colour

CLASSES_CAPTION = (
    "Classes: an object is counted in the column of its best claim, however small the IoU and however many\n"
    "detections claim it. It is found only with a single claim and an IoU of 0.5, so the diagonal can exceed “found”."
)
"""Why the diagonal of the confusion matrix of classes is not the number of found objects."""
_STYLES = ("-", "--", "-.", ":")
_LONGEST = 16
"""Number of letters of a class name that fit beside a matrix."""
MAX_BESIDE = 2
"""Largest number of classes whose matrices fit beside the study's table."""


def confusion_matrix(outcomes: Outcomes, split: str, min_confidence: float) -> Figure:
    """Draw the study's 2 x 2 table with its rates and their 95 % intervals, and the confusion matrix of classes.

    The matrix of classes is drawn as counts, and beside it as shares of each annotated class.

    Args:
        outcomes: the outcomes at `min_confidence`.
        split: name of the photos, for the title.
        min_confidence: lowest confidence of the detections that count, for the title.
    """
    figure = Figure(figsize=(9.0, 4.9), layout="constrained")
    figure.suptitle(
        f"{literal(split)} photos, detections with a confidence of at least {min_confidence:g}", fontsize=12
    )
    names, few = outcomes.classes, len(outcomes.classes) <= MAX_BESIDE
    if few:
        matrices, caption = figure.subfigures(2, 1, height_ratios=(3.6, 1), squeeze=False)[:, 0]
        left, middle, right = matrices.subplots(1, 3)
    else:
        figure.set_size_inches(9.0, 9.0)
        upper, matrices = figure.subfigures(2, 1, height_ratios=(3.2, 5.4), squeeze=False)[:, 0]
        beside, caption = upper.subfigures(1, 2, width_ratios=(3, 6), squeeze=False)[0]
        left = beside.subplots()
        middle, right = matrices.subplots(1, 2)
    _matrix(
        left,
        outcomes.table(),
        labels=["positive", "negative"],
        cell_labels=[["found", "missed"], ["found wrongly", "not defined"]],
    )
    left.set(xlabel="predicted", ylabel="actual")
    left.set_title("Objects, as in the study", fontsize=10.5)
    counts, labels, classes = outcomes.class_matrix(), [BACKGROUND, *names], len(names)
    _matrix(
        middle,
        counts,
        labels=labels,
        cell_labels=[["not defined", *["extra"] * classes], *[["missed", *[""] * classes]] * classes],
    )
    middle.set(xlabel="detected", ylabel="annotated")
    middle.set_title("Classes, counts", fontsize=10.5)
    _shares(right, counts[1:], rows=names, columns=labels)
    right.set(xlabel="detected", ylabel="annotated")
    right.set_title(f"Classes, share of the annotated{'' if few else ', in %'}", fontsize=10.5)
    rates = {
        "accuracy": outcomes.accuracy,
        "precision (study)": outcomes.precision,
        "precision (all detections)": outcomes.precision_all,
        "recall": outcomes.recall,
    }
    first, second, third, fourth = (f"{name} {_rate(rate)}" for name, rate in rates.items())
    between = "    " if few else "\n"
    text = f"{first}{between}{second}\n{third}{between}{fourth}    (95 % intervals)"
    note = CLASSES_CAPTION if few else fill(CLASSES_CAPTION, 60)
    caption.text(0.5, 0.95, f"{text}\n\n{note}", ha="center", va="top", fontsize=9)
    return figure


def loss_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the total loss and each single loss over the epochs, for training and validation in one chart each.

    Args:
        history: values by epoch, named as by Keras: `loss`, `..._loss`, and `val_` with these names for validation. At
            least one loss is required. Other names are ignored.
    """
    names = [name for name in history if name.endswith("loss") and not name.startswith("val_")]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(max(3.0 * columns, 4.5), 2.5 * rows + 0.6), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for place, (axes, name) in enumerate(zip(places, names, strict=False)):
        training, validation = history[name], history.get(f"val_{name}", [])
        for values, style, colour, label in (
            (training, "-", "black", "training"),
            (validation, "--", ACCENT_COLOUR, "validation"),
        ):
            if not len(values):
                continue
            marker = "o" if len(values) < 30 else None
            axes.plot(range(1, 1 + len(values)), values, style, color=colour, label=label, marker=marker, ms=3)
        axes.set_title("loss, the weighted total" if name == "loss" else name, fontsize=10)
        if place + columns >= len(names):
            axes.set_xlabel("epoch")
        simplify(axes)
        _loss_axis(axes, np.array([*training, *validation], dtype=float))
        whole_numbers(axes)
    for axes in places[len(names) :]:
        axes.set_axis_off()
    validated = any(name.startswith("val_") for name in history)
    figure.suptitle(f"Losses on training {'and validation ' if validated else ''}photos", fontsize=12)
    legend_below(figure, places[0])
    return figure


def pr_curve(scores: AveragePrecision, split: str) -> Figure:
    """Draw COCO's interpolated precision over recall, for the masks of each class at IoU 0.5.

    Args:
        scores: the average precision.
        split: name of the photos, for the title.
    """
    columns = 4 if len(scores.precision) <= 2 else 2
    figure = Figure(figsize=(4.8, 4.0 + 0.2 * -(-len(scores.precision) // columns)), layout="constrained")
    axes = figure.subplots()
    for k, name in enumerate(scores.classes):
        if name in scores.precision:
            axes.step(
                scores.recall,
                scores.precision[name],
                color=class_colour(k + 1),
                linestyle=_STYLES[k % len(_STYLES)],  # so that curves are visible where they coincide
                linewidth=2,
                label=f"{literal(name)}, AP50 {scores.metrics[f'mask_ap50_{name}']:.2f}",
            )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall", ylabel="precision")
    axes.set_title(f"{literal(split)} photos, masks at IoU 0.5, all confidences", fontsize=11)
    simplify(axes)
    legend_below(figure, axes, columns)
    return figure


def confidence_curves(curve: ConfidenceCurve, split: str, min_confidence: float) -> Figure:
    """Draw precision, recall and F1 over the confidence, with the run's own confidence marked.

    Args:
        curve: the rates.
        split: name of the photos, for the title.
        min_confidence: the confidence in [0, 1] to mark.
    """
    figure = Figure(figsize=(4.8, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axvline(min_confidence, color="0.6", linewidth=1, linestyle=":", label=f"min_confidence {min_confidence:g}")
    for values, style, colour, label in (
        (curve.precision, "-", "#009E73", "precision (all detections)"),
        (curve.recall, "--", ACCENT_COLOUR, "recall"),
        (curve.f1, "-", "black", "F1"),
    ):
        axes.plot(CONFIDENCES, values, style, color=colour, linewidth=2, label=label)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="lowest confidence of the detections that count")
    axes.set_title(f"{literal(split)} photos, objects counted as in the study", fontsize=11)
    simplify(axes)
    legend_below(figure, axes, columns=2)
    return figure


def ap_curve(cpu_seconds: Sequence[float], values: Sequence[float]) -> Figure:
    """Draw validation mask AP50 over CPU time, one point per scoring, with the best one marked.

    Args:
        cpu_seconds: CPU seconds at each scoring.
        values: mask AP50 at each scoring, in [0, 1] or NaN.
    """
    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    minutes = np.asarray(cpu_seconds, dtype=float) / 60
    axes.plot(minutes, values, "o-", color="black", markersize=3.5)
    title = "val photos, all confidences"
    if np.isfinite(values).any():
        best = int(np.nanargmax(values))
        axes.plot(minutes[best], values[best], "o", markersize=9, markerfacecolor="none", markeredgecolor=ACCENT_COLOUR)
        title += f": best {values[best]:.2f} after {minutes[best]:.1f} CPU minutes"
    axes.set_title(title, fontsize=10)
    last = max((minute for minute in minutes if np.isfinite(minute)), default=1.0)
    axes.set(xlim=(0, 1.04 * last), ylim=(0, 1.04), xlabel="CPU minutes", ylabel="mask AP50")
    simplify(axes)
    return figure


def simplify(axes: Axes) -> None:
    """Remove the upper and the right spine, and draw a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def whole_numbers(axes: Axes) -> None:
    """Label the x axis, such as that of epochs, with whole numbers only, also if it has a single one."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def legend_below(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """Add the legend of the axes below them, where it hides no curve; none if no line has a label."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _matrix(axes: Axes, counts: np.ndarray, labels: Sequence[str], cell_labels: Sequence[Sequence[str]]) -> None:
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(counts.max(), 1))
    _label_cells(axes, labels, labels)
    large = _fitting(15, len(counts))
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > 0.55 * counts.max() else "black"
        axes.text(column, row, f"{count}", ha="center", va="center", fontsize=large, color=colour)
        if len(counts) <= 1 + MAX_BESIDE:
            axes.text(column, row + 0.3, cell_labels[row][column], ha="center", va="center", fontsize=8, color=colour)


def _shares(axes: Axes, counts: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw each row of counts as shares of its sum; a row without objects has none."""
    sums = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(sums, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _label_cells(axes, rows, columns)
    size, unit = _fitting(12, len(columns)), " %" if len(columns) <= 1 + MAX_BESIDE else ""
    for (row, column), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f}{unit}" if sums[row, 0] else "-"
        colour = "white" if share > 0.55 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)


def _label_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    if len(columns) <= 3:
        axes.set_xticks(range(len(columns)), map(literal, columns))
        axes.set_yticks(range(len(rows)), map(literal, rows), rotation=90, va="center")
    else:
        size = _fitting(10, len(columns))
        axes.set_xticks(range(len(columns)), [_short(name) for name in columns], rotation=90, fontsize=size)
        axes.set_yticks(range(len(rows)), [_short(name) for name in rows], fontsize=size)
    axes.tick_params(length=0)


def _fitting(size: float, cells: int) -> float:
    """Return a font size for a number of cells in a row; `size` fits eight."""
    return max(4.0, size * min(1.0, 8 / max(cells, 1)))


def _short(name: str) -> str:
    return literal(name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…")


def _rate(rate: Rate) -> str:
    return "undefined" if np.isnan(rate.value) else f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def _loss_axis(axes: Axes, values: np.ndarray) -> None:
    """Scale the axis logarithmically if the losses span more than a factor of ten, else linearly from 0."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > 10 * finite.min():
        axes.set_yscale("log")
        axes.set_title(f"{axes.get_title()}, log scale", fontsize=10)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: np.format_float_positional(value, trim="-")))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)
