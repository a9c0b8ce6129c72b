"""Figures of a run's scores and losses: matrices and curves.

All functions return Matplotlib figures, which `figure.savefig` writes. pyplot is not used, because its global state is
not thread-safe. The classes mask and hat have the same colours in all figures.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from fmask.evaluation.average_precision import AveragePrecision
from fmask.evaluation.outcomes import Outcomes, Rate
from fmask.structures.detections import CLASS_NAMES
from fmask.visualization.palette import ACCENT_COLOUR, CLASS_COLOURS


def confusion_matrix(outcomes: Outcomes) -> Figure:
    """Draw the study's 2 x 2 table with its rates and their 95 % intervals, and the confusion matrix of classes."""
    figure = Figure(figsize=(9.5, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _matrix(
        left,
        outcomes.table(),
        labels=["positive", "negative"],
        cell_labels=[["found", "missed"], ["found wrongly", "not defined"]],
    )
    left.set(xlabel="predicted", ylabel="actual", title="Objects, counted as in the study")
    classes = len(CLASS_NAMES)
    _matrix(
        right,
        outcomes.class_matrix(),
        labels=["background", *CLASS_NAMES],
        cell_labels=[["not defined", *["extra"] * classes], *[["missed", *[""] * classes]] * classes],
    )
    right.set(xlabel="detected", ylabel="annotated", title="Classes")
    rates = {
        "accuracy": outcomes.accuracy,
        "precision (study)": outcomes.precision,
        "precision (all detections)": outcomes.precision_all,
        "recall": outcomes.recall,
    }
    text = "    ".join(f"{name} {_rate(rate)}" for name, rate in rates.items())
    figure.supxlabel(f"{text}    (95 % intervals)", fontsize=9)
    return figure


def loss_curves(history: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the total loss and each single loss over the epochs, for training and validation.

    Args:
        history: values by epoch, named as by Keras: `loss`, `..._loss`, and `val_` with these names for validation. At
            least one loss is required. Other names are ignored.
    """
    names = [name for name in history if name.endswith("loss") and not name.startswith("val_")]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.7 * rows), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, name in zip(places, names, strict=False):
        training, validation = history[name], history.get(f"val_{name}", [])
        marker = "o" if len(training) < 30 else None
        axes.plot(range(1, 1 + len(training)), training, "-", color="black", label="training", marker=marker, ms=3)
        axes.plot(
            range(1, 1 + len(validation)),
            validation,
            "--",
            color=ACCENT_COLOUR,
            label="validation",
            marker=marker,
            ms=3,
        )
        axes.set_title(name, fontsize=10)
        _simplify(axes)
        _loss_axis(axes, np.array([*training, *validation], dtype=float))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in places[len(names) :]:
        axes.set_axis_off()
    places[0].legend(frameon=False, fontsize=9)
    figure.supxlabel("epoch", fontsize=10)
    return figure


def pr_curve(scores: AveragePrecision) -> Figure:
    """Draw COCO's interpolated precision over recall, for the masks of each class at IoU 0.5."""
    figure = Figure(figsize=(4.8, 4.0), layout="constrained")
    axes = figure.subplots()
    for k, name in enumerate(CLASS_NAMES):
        if name in scores.precision:
            axes.step(
                scores.recall,
                scores.precision[name],
                color=CLASS_COLOURS[k],
                linestyle=("-", "--")[k],  # so that both curves are visible where they coincide
                linewidth=2,
                label=f"{name}, AP50 {scores.metrics[f'mask_ap50_{name}']:.2f}",
            )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="recall", ylabel="precision", title="Masks at IoU 0.5")
    _simplify(axes)
    if scores.precision:
        axes.legend(frameon=False, loc="lower left")
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
    if np.isfinite(values).any():
        best = int(np.nanargmax(values))
        axes.plot(minutes[best], values[best], "o", markersize=9, markerfacecolor="none", markeredgecolor=ACCENT_COLOUR)
        axes.set_title(f"best {values[best]:.2f} after {minutes[best]:.1f} CPU minutes", fontsize=10)
    axes.set(xlim=(0, None), ylim=(0, 1.02), xlabel="CPU minutes", ylabel="validation mask AP50")
    _simplify(axes)
    return figure


def _matrix(axes: Axes, counts: np.ndarray, labels: Sequence[str], cell_labels: Sequence[Sequence[str]]) -> None:
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(counts.max(), 1))
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels, rotation=90, va="center")
    axes.tick_params(length=0)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if count > 0.55 * counts.max() else "black"
        axes.text(column, row, f"{count}", ha="center", va="center", fontsize=17, color=colour)
        axes.text(column, row + 0.28, cell_labels[row][column], ha="center", va="center", fontsize=9, color=colour)


def _rate(rate: Rate) -> str:
    return "undefined" if np.isnan(rate.value) else f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def _loss_axis(axes: Axes, values: np.ndarray) -> None:
    """Scale the axis logarithmically if the losses span more than a factor of ten, else linearly from 0."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and finite.max() > 10 * finite.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0)


def _simplify(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
