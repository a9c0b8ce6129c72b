"""The table in the terminal, in Markdown, as CSV and as a figure, and the command `fmask table`."""

import csv
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from fmask.cli import app
from fmask.studies import Study, as_csv, as_markdown, draw, save, show, tabulate, write_runs
from fmask.utils.errors import UserError
from tests.helpers.fabricated import run, study

SAME: dict[str, Any] = {"backbone": "resnet50", "steps": 50, "val_steps": 10}


@pytest.fixture
def two_rows() -> Study:
    """Two settings with two seeds each: 12 of 36 and 34 of 36 objects found, and a run that failed."""
    before, after = "m" * 12 + "ffffff", "f" * 17 + "w"
    runs = [run(n, before, aug="none", seed=n, **SAME) for n in (1, 2)]
    runs += [run(n, after, aug="fliplr_clahe", seed=n, **SAME) for n in (3, 4)]
    return study([*runs, run(5, "", status="FAILED")])


def test_markdown_has_the_numbers_of_each_row_and_the_notes(two_rows: Study) -> None:
    lines = as_markdown(tabulate(two_rows)).splitlines()
    assert lines[0] == f"**report: 4 runs on photos@{'cc' * 8}, confidence 0.9**"
    assert lines[2].startswith(
        "| # | aug | runs | found/wrong/missed/spurious | accuracy | precision (study) | precision (all) |"
    )
    assert lines[4].startswith("| 1 | none | 2 | 12/0/24/3 | 0.33 (0.09-0.71) | 1.00 (0.44-1.00) | 0.80 (")
    assert lines[4].endswith("| 0.65 ± 0.07 | 150 | 0.67, 1.00; 0.67, 1.00 | baseline |")
    assert "| 0.72, 1.00; 0.83, 1.00 | +0.61 better p = 0.0" in lines[5]
    assert lines[-1] == "- Runs left out: 1 failed."
    assert "- In parentheses: 95 % intervals for other photos and other seeds of the setting." in lines
    assert any("paired by photo" in line and "1 comparison." in line for line in lines)
    assert not any("one seed" in line.lower() for line in lines)


def test_rows_of_one_seed_are_marked_and_explained(two_rows: Study) -> None:
    mixed = as_markdown(tabulate(study([*two_rows.runs, run(6, "f" * 17 + "m", aug="blur", **SAME)])))
    first, _, third = (line for line in mixed.splitlines() if line.startswith(("| 1", "| 2", "| 3")))
    assert "0.33 (0.09-0.71) |" in first
    assert "0.94 (0.68-0.99)* |" in third
    assert third.endswith("| +0.61 one seed |")
    assert "- *: one seed, so the interval is for this trained network on other photos, not for other seeds." in mixed
    assert "- One seed: this row or the row that it is compared with has a single run" in mixed
    alone = as_markdown(tabulate(study([run(1, "ffm")])))
    assert "*" not in alone.split("confidence 0.9**")[1]
    assert "- In parentheses: 95 % intervals. Each row has a single seed, so the interval is for this trained" in alone


def test_a_narrow_terminal_hides_no_number(two_rows: Study) -> None:
    text = io.StringIO()
    show(tabulate(two_rows), Console(file=text, width=40))
    for part in ("fliplr_clahe", "0.94", "34/2/0/7", "+0.61 better", "Runs left out: 1 failed."):
        assert part in text.getvalue()


def test_csv_has_full_precision_and_leaves_the_undefined_empty(two_rows: Study) -> None:
    single = run(6, "f" * 18, aug="blur", **SAME)
    first, second, third = csv.DictReader(io.StringIO(as_csv(tabulate(study([*two_rows.runs, single])))))
    assert (first["aug"], first["found"], first["verdict"], first["p"]) == ("none", "12", "baseline", "")
    assert float(second["accuracy"]) == 17 / 18
    assert float(second["precision_all"]) == 34 / (36 + 7)
    assert second["published_rows"] == "7 8a"
    assert float(second["p_holm"]) == float(second["p"]) < 0.05
    assert (third["val_mask_ap50_sd"], third["p"], third["p_holm"], third["verdict"]) == ("", "", "", "one seed")


def test_the_tables_of_several_data_sets_are_in_one_file(two_rows: Study) -> None:
    other = replace(run(9, "f" * 4, lr=0.1), data={"test": "drawn@" + "ee" * 8})
    tables = tabulate(study([*two_rows.runs, other, replace(other, id="run10", params=other.params | {"lr": "0.2"})]))
    rows = list(csv.DictReader(io.StringIO(as_csv(tables))))
    assert [(row["test_data"][:5], row["confidence"], row["aug"], row["lr"]) for row in rows] == [
        ("drawn", "0.9", "", "0.1"),
        ("drawn", "0.9", "", "0.2"),
        ("photo", "0.9", "none", ""),
        ("photo", "0.9", "fliplr_clahe", ""),
    ]
    titles = [line for line in as_markdown(tables).splitlines() if line.startswith("**")]
    assert titles == [
        f"**report: 2 runs on drawn@{'ee' * 8}, confidence 0.9**",
        f"**report: 4 runs on photos@{'cc' * 8}, confidence 0.9**",
    ]
    figure = draw(tables)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [table.data for table in tables]
    figure.draw_without_rendering()
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_window_extent().y1 <= axes._left_title.get_window_extent().y0  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("error")
def test_the_figure_has_a_dot_for_each_row_and_each_published_training(two_rows: Study, tmp_path: Path) -> None:
    figure = draw(tabulate(two_rows))
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["1: aug=none", "2: aug=fliplr_clahe"]
    dots = {
        marker: sorted(x for line in axes.lines if line.get_marker() == marker for x in np.ravel(line.get_xdata()))
        for marker in ("o", "D")
    }
    assert dots["o"] == pytest.approx([6 / 18, 17 / 18])
    assert dots["D"] == pytest.approx([0.6667, 0.6667, 0.7222, 0.8333])
    counts = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert counts == {"12 of 36": "normal", "34 of 36": "bold"}
    save(figure, tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UserError, match=r"study.doc: the name of a figure must end in one of .*\.png"):
        save(figure, tmp_path / "study.doc")
    with pytest.raises(UserError, match="cannot be written"):
        save(figure, tmp_path / "none" / "study.png")


def test_the_command_writes_all_files(two_rows: Study, tmp_path: Path) -> None:
    write_runs(two_rows, tmp_path / "runs.csv")
    outputs = {kind: tmp_path / f"out.{kind}" for kind in ("markdown", "csv", "figure.png", "save-runs")}
    options = [word for kind, file in outputs.items() for word in (f"--{kind.removesuffix('.png')}", str(file))]
    result = CliRunner().invoke(app, ["table", "--from", str(tmp_path / "runs.csv"), "--against", "2", *options])
    assert result.exit_code == 0
    assert "-0.61 worse" in result.output
    assert outputs["markdown"].read_text() == as_markdown(tabulate(two_rows, baseline=2))
    assert outputs["csv"].read_text() == as_csv(tabulate(two_rows, baseline=2))
    assert outputs["save-runs"].read_text() == (tmp_path / "runs.csv").read_text()
    assert outputs["figure.png"].stat().st_size > 1000


def test_the_command_imports_nothing_slow(two_rows: Study, tmp_path: Path) -> None:
    write_runs(two_rows, tmp_path / "runs.csv")
    program = (
        "import sys; from typer.testing import CliRunner; from fmask.cli import app; call = CliRunner().invoke\n"
        "assert call(app, ['table', '--help']).exit_code == 0\n"
        "assert not {'mlflow', 'scipy', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        f"assert call(app, ['table', '--from', {str(tmp_path / 'runs.csv')!r}]).exit_code == 0\n"
        "slow = {'tensorflow', 'keras', 'mlflow', 'matplotlib', 'pandas', 'sklearn', 'scipy.stats'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
