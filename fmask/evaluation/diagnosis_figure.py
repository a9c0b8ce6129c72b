"""The figure of AP50 lost by cause and class."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fmask.evaluation.diagnosis import Cause, Lost
from fmask.evaluation.figures import legend_below, simplify
from fmask.visualization.literal import literal
from fmask.visualization.palette import class_colour

MAX_CLASSES = 12
"""Largest number of classes that have bars of their own; with more, the figure shows the mean alone."""


def lost_ap(lost: Lost, by_class: Mapping[str, Lost], classes: tuple[str, ...], split: str, ap50: float) -> Figure:
    """Draw a bar for each cause and class: what the class loses of its AP50.

    Args:
        lost: AP50 lost, the mean over the classes.
        by_class: AP50 lost by each class with objects.
        classes: all class names, in the order of their ids, which set the colours.
        split: name of the photos, for the title.
        ap50: AP50 of the masks, for the title; NaN without objects.
    """
    shown: list[tuple[str, Lost, str]] = [
        (name, by_class[name], class_colour(k)) for k, name in enumerate(classes, start=1) if name in by_class
    ]
    if len(shown) != 1:
        mean = [("mean of the classes", lost, "black")]
        shown = mean if len(shown) > MAX_CLASSES else [*shown, *mean]
    figure = Figure(figsize=(4.8, 2.6 + 0.5 * len(shown)), layout="constrained")
    axes = figure.subplots()
    thickness = 0.8 / len(shown)
    places = np.arange(len(Cause))
    for n, (name, values, colour) in enumerate(shown):
        widths = [0.0 if np.isnan(values[cause]) else values[cause] for cause in Cause]
        bars = axes.barh(
            places + (n - (len(shown) - 1) / 2) * thickness, widths, thickness, color=colour, label=literal(name)
        )
        if len(shown) <= 4:
            axes.bar_label(bars, [f"{width:.3f}" for width in widths], padding=2, fontsize=8)
    largest = max((width for _, values, _ in shown for width in values.values() if width > 0), default=0.0)
    axes.set_yticks(places, list(Cause))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.2 * largest or 1), xlabel="AP50 lost")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    value = "undefined" if np.isnan(ap50) else f"{ap50:.3f}"
    axes.set_title(f"{literal(split)} photos, masks: AP50 {value}", fontsize=11)
    simplify(axes)
    legend_below(figure, axes, columns=3)
    return figure
