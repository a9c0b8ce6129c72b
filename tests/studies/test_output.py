"""The table in the terminal, in Markdown, as CSV and as a figure, and the command `fmask table`."""

import csv
import io
import subprocess
import sys
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
    runs = [run(1, "m" * 12 + "ffffff", aug="none", **SAME), run(2, "f" * 15 + "mww", aug="fliplr_clahe", **SAME)]
    return study([*runs, run(3, "", status="FAILED")])


def test_markdown_has_the_numbers_of_each_row_and_the_notes(two_rows: Study) -> None:
    lines = as_markdown(tabulate(two_rows)).splitlines()
    assert lines[2].startswith("| # | aug | runs | found/wrong/missed/spurious | accuracy | precision |")
    assert lines[4] == (
        "| 1 | none | 1 | 6/0/12/1 | 0.33 (0.16-0.56) | 1.00 (0.61-1.00) | 0.60 | 100 | 0.67, 1.00; 0.67, 1.00 "
        "| baseline |"
    )
    # 12 objects gained, 3 lost: 2 * (1 + 15 + 105 + 455) / 2^15
    assert lines[5].endswith("| 0.72, 1.00; 0.83, 1.00 | +0.50 better p = 0.035 |")
    assert lines[-1] == "- Runs left out: 1 failed."
    assert any("(McNemar)" in line and "1 comparison." in line for line in lines)


def test_a_narrow_terminal_hides_no_number(two_rows: Study) -> None:
    text = io.StringIO()
    show(tabulate(two_rows), Console(file=text, width=40))
    for part in ("fliplr_clahe", "(0.61-0.94)", "15/2/1/2", "+0.50 better", "Runs left out: 1 failed."):
        assert part in text.getvalue()


def test_csv_has_full_precision_and_leaves_the_undefined_empty(two_rows: Study) -> None:
    first, second = csv.DictReader(io.StringIO(as_csv(tabulate(two_rows))))
    assert (first["aug"], first["found"], first["verdict"], first["p"]) == ("none", "6", "baseline", "")
    assert float(second["accuracy"]) == 15 / 18
    assert (second["val_mask_ap50_sd"], second["published_rows"]) == ("", "7 8a")
    assert float(second["p_holm"]) == pytest.approx(2 * 576 / 2**15)


@pytest.mark.filterwarnings("error")
def test_the_figure_has_a_dot_for_each_row_and_each_published_training(two_rows: Study, tmp_path: Path) -> None:
    figure = draw(tabulate(two_rows))
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["1: aug=none", "2: aug=fliplr_clahe"]
    dots = {
        marker: sorted(x for line in axes.lines if line.get_marker() == marker for x in np.ravel(line.get_xdata()))
        for marker in ("o", "D")
    }
    assert dots["o"] == pytest.approx([6 / 18, 15 / 18])
    assert dots["D"] == pytest.approx([0.6667, 0.6667, 0.7222, 0.8333])
    counts = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert counts == {"6 of 18": "normal", "15 of 18": "bold"}
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
    assert "-0.50 worse" in result.output
    assert outputs["markdown"].read_text() == as_markdown(tabulate(two_rows, baseline=2))
    assert outputs["csv"].read_text() == as_csv(tabulate(two_rows, baseline=2))
    assert outputs["save-runs"].read_text() == (tmp_path / "runs.csv").read_text()
    assert outputs["figure.png"].stat().st_size > 1000


def test_the_command_imports_no_tensorflow(two_rows: Study, tmp_path: Path) -> None:
    write_runs(two_rows, tmp_path / "runs.csv")
    program = (
        "import sys; from typer.testing import CliRunner; from fmask.cli import app; call = CliRunner().invoke\n"
        "assert call(app, ['table', '--help']).exit_code == 0\n"
        "assert not {'mlflow', 'scipy', 'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        f"assert call(app, ['table', '--from', {str(tmp_path / 'runs.csv')!r}]).exit_code == 0\n"
        "assert not {'tensorflow', 'keras', 'mlflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
