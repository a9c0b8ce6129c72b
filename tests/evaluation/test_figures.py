"""Figures show the given numbers."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from fmask.evaluation.average_precision import average_precision
from fmask.evaluation.figures import ap_curve, confusion_matrix, loss_curves, pr_curve
from fmask.evaluation.outcomes import count_outcomes
from tests.helpers.scenes import encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def rendered(figure: Figure) -> np.ndarray:
    """Return the figure's pixels as uint8; warnings are errors in these tests."""
    file = io.BytesIO()
    figure.savefig(file, format="rgba", dpi=50)
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_shows_both_matrices() -> None:
    found = encoded((*MASK, 0.95), ("hat", (50, 0, 60, 10), 0.92))
    figure = confusion_matrix(count_outcomes([photo(MASK, HAT)], [found]))
    assert rendered(figure).std() > 0
    study, classes = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert study == ["1", "found", "1", "missed", "0", "found wrongly", "0", "not defined"]
    assert classes[::2] == ["0", "0", "1", "0", "1", "0", "1", "0", "0"]
    assert "accuracy 0.50 [0.09, 0.91]" in figure.get_supxlabel()


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_without_objects_is_undefined() -> None:
    figure = confusion_matrix(count_outcomes([], []))
    rendered(figure)
    assert "accuracy undefined" in figure.get_supxlabel()


@pytest.mark.filterwarnings("error")
def test_loss_curves_show_training_and_validation_of_each_loss() -> None:
    falling = [3.0, 1.0, 0.1]
    history = {"loss": falling, "val_loss": [2.0, 1.5, 1.2], "rpn_class_loss": [0.5, 0.4, 0.3], "lr": [0.1, 0.1, 0.1]}
    figure = loss_curves(history)
    rendered(figure)
    total, single = figure.axes
    assert [axes.get_title() for axes in (total, single)] == ["loss", "rpn_class_loss"]
    assert [np.asarray(line.get_ydata()).tolist() for line in total.lines] == [falling, history["val_loss"]]
    assert (total.get_yscale(), single.get_yscale()) == ("log", "linear")


@pytest.mark.filterwarnings("error")
def test_loss_curves_of_a_run_without_finite_losses() -> None:
    rendered(loss_curves({"loss": [float("nan")], "mrcnn_mask_loss": [float("inf")]}))


@pytest.mark.filterwarnings("error")
def test_pr_curve_has_a_line_for_each_class_with_objects() -> None:
    scores = average_precision([photo(MASK)], [encoded((*MASK, 0.9))])
    figure = pr_curve(scores)
    rendered(figure)
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["mask, AP50 1.00"]
    rendered(pr_curve(average_precision([], [])))


@pytest.mark.filterwarnings("error")
def test_ap_curve_marks_the_best_scoring() -> None:
    figure = ap_curve([60, 120, 180], [0.2, 0.6, 0.5])
    rendered(figure)
    assert figure.axes[0].get_title() == "best 0.60 after 2.0 CPU minutes"
    rendered(ap_curve([], []))
    rendered(ap_curve([60.0], [float("nan")]))
