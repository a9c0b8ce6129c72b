"""Matplotlib figures as inline SVG."""

import pytest
from matplotlib.figure import Figure

from fmask.report.charts import ap_by_epoch, as_svg
from tests.helpers.parsed import everything, parse


def figure() -> Figure:
    result = Figure()
    result.subplots().plot([1, 2], [3, 4], "o-", color="black", label="a")
    return result


def test_text_stays_text_and_black_becomes_the_colour_of_the_page() -> None:
    svg = as_svg(ap_by_epoch({"val/mask_ap50": {5: 0.2, 10: 0.6}}), "ap", 'AP <"50">')
    (chart,) = parse(svg).all("svg")
    assert chart.attributes["aria-label"] == 'AP <"50">'
    assert {"epoch", "AP50", "mask", "box"} <= {text.text for text in chart.all("text")}
    assert "#000000" not in svg
    assert "currentColor" in svg
    assert not chart.all("style") + chart.all("metadata")


def test_ids_of_two_figures_differ() -> None:
    ids = [
        {
            element.attributes["id"]
            for element in everything(parse(as_svg(figure(), name, "")))
            if "id" in element.attributes
        }
        for name in ("one", "two")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_the_output_is_reproducible() -> None:
    assert as_svg(figure(), "same", "") == as_svg(figure(), "same", "")


@pytest.mark.filterwarnings("error")
def test_a_run_without_scores_has_an_empty_curve() -> None:
    as_svg(ap_by_epoch({}), "ap", "")
