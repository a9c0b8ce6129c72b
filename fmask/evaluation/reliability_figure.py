"""The reliability diagram: precision of detections against their scores, before and after calibration."""

import numpy as np
from matplotlib.figure import Figure

from fmask.evaluation.calibration import ScoredDetections, bin_of, calibration_error
from fmask.evaluation.figures import legend_below, simplify
from fmask.evaluation.outcomes import Rate
from fmask.visualization.literal import literal
from fmask.visualization.palette import ACCENT_COLOUR


def reliability_diagram(scored: ScoredDetections, probabilities: np.ndarray, split: str) -> Figure:
    """Draw the precision in bins of scores, with 95 % intervals, for raw and for calibrated scores.

    The area of a point is proportional to its number of detections. Points on the diagonal are calibrated.

    Args:
        scored: the detections.
        probabilities: (N,) their calibrated scores.
        split: name of the photos, for the title.
    """
    figure = Figure(figsize=(4.8, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":")
    for name, values, colour, marker in (("scores", scored.scores, "black", "s"),
                                         ("probabilities", probabilities, ACCENT_COLOUR, "o")):  # fmt: skip
        error = calibration_error(values, scored.right)
        label = name if np.isnan(error) else f"{name}, D-ECE {error:.3f}"
        places = bin_of(values)
        for number, place in enumerate(np.unique(places)):
            inside = places == place
            count, rate = int(inside.sum()), Rate.of(int(scored.right[inside].sum()), int(inside.sum()))
            mean = float(values[inside].mean())
            axes.plot([mean, mean], [rate.low, rate.high], color=colour, linewidth=1, alpha=0.5)
            size = 20 + 400 * count / len(scored)
            axes.scatter(mean, rate.value, size, color=colour, marker=marker, alpha=0.7, linewidth=0,
                         label=None if number else label)  # fmt: skip
    axes.set(
        xlim=(0, 1.03), ylim=(0, 1.03), xlabel="score, or probability of being right", ylabel="precision at IoU 0.5"
    )
    axes.set_title(f"{literal(split)} photos, {len(scored)} detections of all confidences", fontsize=11)
    simplify(axes)
    legend_below(figure, axes, columns=2)
    return figure
