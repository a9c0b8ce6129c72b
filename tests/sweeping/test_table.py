"""The table and the figure of a sweep."""

import io
import math

import pytest
from rich.console import Console

from fmask.sweeping.job import JobResult
from fmask.sweeping.table import Row, as_csv, as_markdown, as_rich, comparison, print_whole

ROWS = [
    Row(0, {"aug": "none"}, JobResult("finished", {"found": 15.0, "accuracy": 0.83333333})),
    Row(1, {"aug": "[a|b]"}, JobResult("failed", error="ValueError: no, never")),
]
METRICS = ["found", "accuracy", "precision"]


def test_columns_without_values_are_left_out() -> None:
    assert as_csv(ROWS, METRICS) == (
        "job,aug,status,found,accuracy,error\n"
        "0,none,finished,15,0.8333,\n"
        '1,[a|b],failed,,,"ValueError: no, never"\n'
    )  # fmt: skip
    assert as_markdown(ROWS, METRICS).splitlines()[3] == r"| 1 | [a\|b] | failed |  |  | ValueError: no, never |"


def test_nan_and_infinity_are_shown() -> None:
    metrics = {"loss": math.nan, "val_loss": math.inf, "count": -math.inf}
    rows = [*ROWS, Row(2, {"aug": "blur"}, JobResult("finished", metrics))]
    assert as_csv(rows, list(metrics)).splitlines()[-1] == "2,blur,finished,nan,inf,-inf,"
    figure = comparison(rows, list(metrics))
    assert figure is not None
    figure.savefig(io.BytesIO(), format="png")
    assert [axes.texts[-1].get_text() for axes in figure.axes] == ["nan", "inf", "-inf"]


def test_words_stay_whole_in_a_terminal_of_80_columns() -> None:
    metrics = {"found": 12.0, "found_wrongly": 2.0, "missed": 4.0, "accuracy": 0.6667, "mask_ap50": 0.7031}
    rows = [Row(number, {"aug": "fliplr_rotate"}, JobResult("finished", metrics)) for number in range(3)]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(as_rich(rows, list(metrics), "Sweep"))
    words = set(console.export_text().split())
    assert {"fliplr_rotate", "finished", "wrongly", "accuracy", "0.6667"} <= words


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_column_is_cut_off(width: int) -> None:
    names = ["found", "found_wrongly", "missed", "spurious", "accuracy", "precision", "precision_all", "mask_ap50"]
    metrics = {f"test/{name}": index + 0.5 for index, name in enumerate(names)}
    rows = [Row(0, {"aug": "fliplr_rotate"}, JobResult("finished", metrics))]
    console = Console(width=width, file=io.StringIO())
    print_whole(as_rich(rows, list(metrics), "Sweep"), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert {"fliplr_rotate", *map(str, metrics.values()), "wrongly", "accuracy", "ap50"} <= set(printed.split())
    assert max(map(len, printed.splitlines())) < 120


def test_the_figure_has_a_panel_for_each_metric() -> None:
    figure = comparison(ROWS, METRICS)
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["found", "accuracy"]
    assert comparison(ROWS[1:], METRICS) is None


def test_the_precision_of_the_study_is_beside_that_of_all_detections_and_the_table_says_what_counts() -> None:
    row = Row(0, {}, JobResult("finished", {"test/precision": 1.0, "test/precision_all": 0.5}))
    lines = as_markdown([row], ["test/precision", "test/precision_all"]).splitlines()
    assert lines[0] == "| job | status | test/precision (study) | test/precision (all) |"
    assert lines[-1] == "Detections count if they score at least the min_confidence of their run."
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(as_rich([row], ["test/precision", "test/precision_all"], "Sweep"))
    assert " ".join(console.export_text().split()).startswith(f"Sweep. {lines[-1]}")
    assert as_csv([row], ["test/precision", "test/precision_all"]).startswith(
        "job,status,test/precision,test/precision_all\n"
    )


def test_bars_begin_at_zero_and_counts_have_no_fractions_on_their_axis() -> None:
    rows = [Row(n, {}, JobResult("finished", {"found": float(n), "accuracy": 0.0})) for n in range(2)]
    figure = comparison(rows, METRICS)
    assert figure is not None
    found, accuracy = figure.axes
    assert (found.get_xlim()[0], accuracy.get_xlim()) == (0, (0, 1))
    assert all(float(tick).is_integer() for axes in figure.axes for tick in axes.get_xticks())
