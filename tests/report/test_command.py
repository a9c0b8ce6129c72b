"""The command `fmask report`, the page of a study, and a page in a browser if one is installed."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fmask import report, tracking
from fmask.cli import app
from fmask.evaluation.matches import ClassMatches
from fmask.studies import tabulate
from fmask.utils.errors import UserError
from tests.helpers.browser import browser, needs_chromium
from tests.helpers.fabricated import run, study
from tests.helpers.made_up import FakePredictor, make_run
from tests.helpers.parsed import parse


def call(*words: str) -> str:
    result = CliRunner().invoke(app, ["report", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_the_page_of_a_run_is_written_and_stored_as_its_artifact(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run(tmp_path / "data")
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: FakePredictor())
    assert f"report.html shows the run {run_id}" in call("latest").replace("\n", " ")
    html = (store / "report.html").read_text()
    assert len(parse(html).all("article")) == 2
    artifact = tracking.download(tracking.find_run(run_id), "report.html")
    assert artifact is not None
    assert artifact.read_text() == html
    with pytest.raises(UserError, match=r"there/report.html cannot be written: the folder there does not exist"):
        call("latest", "-o", "there/report.html")
    with pytest.raises(UserError, match=r"no MLflow experiment 'gone'; existing experiments: .*made up"):
        call("gone")
    assert sorted(each.name for each in store.glob("*.html*")) == ["report.html"]


def test_the_first_line_of_a_study_names_its_data_once() -> None:
    matches = {"0.jpg": {"hat": ClassMatches(1, ((0.9, "1" * 10),))}}
    runs = study([replace(run(number, "mf", aug=aug), matches=matches) for number, aug in ((1, "none"), (2, "blur"))])
    page = parse(report.study_page(tabulate(runs), runs))
    title, precision = (heading.text for heading in page.all("h3"))
    assert "Average precision" in precision
    assert page.text.count("Average precision") == 1
    assert page.text.count(title) == 2


def test_the_page_of_a_study_has_its_table_figure_and_runs() -> None:
    runs = study([run(1, "m" * 6, aug="none"), run(2, "f" * 5 + "w", aug="<u>blur</u>"), run(3, "", status="FAILED")])
    document = parse(report.study_page(tabulate(runs), runs))
    table, listed = document.all("table")
    cells = [[cell.text for cell in row.inside] for row in table.all("tr")]
    assert cells[0][:3] == ["#", "aug", "runs"]
    assert cells[2][:4] == ["2", "<u>blur</u>", "1", "5/1/0/2"]
    assert not document.all("u")
    assert "Runs left out: 1 failed." in document.text
    assert "2: aug=<u>blur</u>" in [text.text for text in document.all("svg")[0].all("text")]
    assert len(listed.all("tr")) == 4
    assert [" ".join(cell.text.split()) for cell in listed.all("tr")[2].inside[3:12]] == [
        "photos@" + "cc" * 4,
        *("0.9", "5", "1", "0", "2"),
        *("0.83 0.15-0.99", "0.83 0.15-0.99", "0.62 0.12-0.95"),
    ]
    other = study([*runs.runs, replace(run(4, "ff", min_confidence=0.5), data={"test": "drawn@" + "ee" * 8})])
    page = parse(report.study_page(tabulate(other), other))
    assert len(page.all("table")) == 3
    titles = [heading.text for heading in page.all("h3")]
    assert titles == [
        f"report: 1 run on drawn@{'ee' * 8}, confidence 0.5",
        f"report: 2 runs on photos@{'cc' * 8}, confidence 0.9",
    ]


@needs_chromium
def test_the_script_runs_in_a_browser(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "data")
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: FakePredictor())
    call("latest")
    with browser(tmp_path / "browser") as tab:
        tab.open(store / "report.html", 1280)
        shown = tab.evaluate("document.querySelector('output').textContent")
        assert shown == "all 6"  # written by the script, so the policy allows it
        assert not tab.complaints
