"""Figures show the given numbers."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from fmask.evaluation.average_precision import AveragePrecision, average_precision
from fmask.evaluation.confidence_curve import confidence_curve
from fmask.evaluation.diagnosis import diagnose
from fmask.evaluation.diagnosis_figure import lost_ap
from fmask.evaluation.figures import (
    CLASSES_CAPTION,
    ap_curve,
    confidence_curves,
    confusion_matrix,
    loss_curves,
    pr_curve,
)
from fmask.evaluation.outcomes import ObjectRecord, Outcome, Outcomes, count_outcomes
from tests.helpers.classes import CLASSES
from tests.helpers.scenes import encoded, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def rendered(figure: Figure) -> np.ndarray:
    """Return the figure's pixels as uint8; warnings are errors in these tests."""
    file = io.BytesIO()
    figure.savefig(file, format="rgba", dpi=50)
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def caption_of(figure: Figure | SubFigure) -> str:
    return "".join(text.get_text() for part in figure.subfigs for text in part.texts)


def x_labels(axes: Axes) -> list[str]:
    low, high = axes.get_xlim()
    return [label.get_text() for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_shows_both_matrices() -> None:
    found = encoded((*MASK, 0.95), ("hat", (50, 0, 60, 10), 0.92))
    figure = confusion_matrix(count_outcomes([photo(MASK, HAT)], [found]), "val", 0.9)
    assert rendered(figure).std() > 0
    study, classes, shares = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert study == ["1", "found", "1", "missed", "0", "found wrongly", "0", "not defined"]
    assert classes[::2] == ["0", "0", "1", "0", "1", "0", "1", "0", "0"]
    assert shares == ["0 %", "100 %", "0 %", "100 %", "0 %", "0 %"]  # of the mask, then of the hat
    assert figure.get_suptitle() == "val photos, detections with a confidence of at least 0.9"
    caption = caption_of(figure)
    assert "accuracy 0.50 [0.09, 0.91]" in caption
    assert CLASSES_CAPTION in caption


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("others", [(), ("a", "b", "c")])
def test_names_of_classes_and_splits_are_no_formulas(others: tuple[str, ...]) -> None:
    names, one = ("$_{$", "$hat$", *others), encoded((*MASK, 0.95))
    classes = tuple(name.replace("$", r"\$") for name in names)
    scene = photo(MASK, HAT)
    scene = replace(
        scene, regions=tuple(replace(each, label=names[n], classes=names) for n, each in enumerate(scene.regions))
    )
    found = replace(one, classes=names)
    figure = confusion_matrix(count_outcomes([scene], [found]), "$_{$", 0.9)
    assert rendered(figure).std() > 0
    assert x_labels(figure.axes[1])[1 : 1 + len(names)] == [*classes]
    assert rendered(pr_curve(average_precision([scene], [found]), "$_{$")).std() > 0
    causes = diagnose([scene], [found])
    assert rendered(lost_ap(causes.lost(), causes.lost_by_class(), causes.classes, "$_{$", causes.ap50)).std() > 0


@pytest.mark.filterwarnings("error")
def test_confusion_matrix_without_objects_is_undefined() -> None:
    figure = confusion_matrix(Outcomes((), (), CLASSES), "test", 0.5)
    rendered(figure)
    assert "accuracy undefined" in caption_of(figure)
    assert {text.get_text() for text in figure.axes[2].texts} == {"-"}


@pytest.mark.filterwarnings("error")
def test_loss_curves_show_training_and_validation_of_each_loss() -> None:
    falling = [3.0, 1.0, 0.1]
    history = {"loss": falling, "val_loss": [2.0, 1.5, 1.2], "rpn_class_loss": [0.5, 0.4, 0.3], "lr": [0.1, 0.1, 0.1]}
    figure = loss_curves(history)
    rendered(figure)
    total, single = figure.axes
    assert [axes.get_title() for axes in (total, single)] == ["loss, the weighted total, log scale", "rpn_class_loss"]
    assert [np.asarray(line.get_ydata()).tolist() for line in total.lines] == [falling, history["val_loss"]]
    assert (total.get_yscale(), single.get_yscale()) == ("log", "linear")
    assert "0.5" in [label.get_text() for label in total.get_yticklabels()]
    assert not total.get_legend()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["training", "validation"]
    assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("epochs", [1, 2, 3, 36])
def test_epochs_are_whole_numbers(epochs: int) -> None:
    figure = loss_curves({"loss": [1.0] * epochs, "val_loss": [1.0] * epochs})
    rendered(figure)
    labels = x_labels(figure.axes[0])
    assert labels
    assert all(label.isdecimal() for label in labels), labels


@pytest.mark.filterwarnings("error")
def test_small_losses_have_plain_numbers() -> None:
    figure = loss_curves({"loss": [1e-1, 1e-5]})
    rendered(figure)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "0.00001" in labels
    assert not [label for label in labels if "e" in label or "$" in label]


@pytest.mark.filterwarnings("error")
def test_loss_curves_without_validation_name_none() -> None:
    figure = loss_curves({"loss": [2.0, 1.0]})
    rendered(figure)
    assert figure.get_suptitle() == "Losses on training photos"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training"]


@pytest.mark.filterwarnings("error")
def test_loss_curves_of_a_run_without_finite_losses() -> None:
    rendered(loss_curves({"loss": [float("nan")], "mrcnn_mask_loss": [float("inf")]}))


@pytest.mark.filterwarnings("error")
def test_pr_curve_has_a_line_for_each_class_with_objects() -> None:
    scores = average_precision([photo(MASK)], [encoded((*MASK, 0.9))])
    figure = pr_curve(scores, "test")
    rendered(figure)
    (legend,) = figure.legends
    assert figure.axes[0].get_title().startswith("test photos")
    assert [text.get_text() for text in legend.get_texts()] == ["mask, AP50 1.00"]
    rendered(pr_curve(average_precision([], []), "test"))


@pytest.mark.filterwarnings("error")
def test_legends_have_names_that_begin_with_an_underscore() -> None:
    scores = average_precision([photo(MASK, HAT)], [encoded((*MASK, 0.9), (*HAT, 0.8))])
    under = replace(
        scores,
        classes=("_mask", "hat"),
        precision={"_mask": scores.precision["mask"], "hat": scores.precision["hat"]},
        metrics={"mask_ap50__mask": 1.0, "mask_ap50_hat": 1.0},
    )
    names = [text.get_text() for text in pr_curve(under, "val").legends[0].get_texts()]
    assert [name.lstrip("\u200b") for name in names] == ["_mask, AP50 1.00", "hat, AP50 1.00"]


def test_ten_classes_have_cells_and_curves_of_their_own() -> None:
    names = tuple(f"kind {number} with a long name" for number in range(10))
    records = [
        ObjectRecord("a.png", index, 1 + index, Outcome.FOUND_WRONGLY, (0,), (10 - index,), 0.7) for index in range(10)
    ]
    figure = confusion_matrix(Outcomes(tuple(records), (), names), "test", 0.5)
    rendered(figure)
    _, classes, shares = figure.axes
    assert len(classes.texts) == 11 * 11
    assert [text.get_text() for text in shares.texts[:11]] == [*["0"] * 10, "100"]
    assert x_labels(classes)[:2] == ["background", "kind 0 with a l…"]
    assert "accuracy 0.00" in caption_of(figure.subfigs[0])
    levels = np.linspace(0, 1, 101)
    shown = {f"mask_ap50_{name}": 0.5 for name in names}
    curves = AveragePrecision(shown, levels, dict.fromkeys(names, levels), names, {})
    figure = pr_curve(curves, "test")
    rendered(figure)
    assert len({line.get_color() for line in figure.axes[0].lines}) == 10


@pytest.mark.filterwarnings("error")
def test_ap_curve_marks_the_best_scoring() -> None:
    figure = ap_curve([60, 120, 180], [0.2, 0.6, 0.5])
    rendered(figure)
    assert figure.axes[0].get_title() == "val photos, all confidences: best 0.60 after 2.0 CPU minutes"
    assert figure.axes[0].get_xlim()[1] > 3  # the last marker is inside
    rendered(ap_curve([], []))
    rendered(ap_curve([60.0], [float("nan")]))


@pytest.mark.filterwarnings("error")
def test_confidence_curves_mark_the_confidence_of_the_run() -> None:
    figure = confidence_curves(confidence_curve([photo(MASK)], [encoded((*MASK, 0.7))]), "val", 0.6)
    rendered(figure)
    marker, precision, recall, f1 = figure.axes[0].lines
    assert np.asarray(marker.get_xdata()).tolist() == [0.6, 0.6]
    assert marker.get_label() == "min_confidence 0.6"
    for line in (precision, recall, f1):
        assert np.asarray(line.get_ydata())[70] == 1
    assert np.asarray(recall.get_ydata())[71] == 0
    assert np.isnan(np.asarray(precision.get_ydata())[71])
    rendered(confidence_curves(confidence_curve([], []), "val", 0.6))
