"""The command `fmask diagnose`."""

from pathlib import Path

import pytest
from PIL import Image
from rich.text import Text
from typer.testing import CliRunner

from fmask.cli import app
from fmask.report.diagnosis import _slices_table
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.made_up import HAT, MALICIOUS_NAME, MASK, FakePredictor, make_run
from tests.helpers.scenes import detections

RIGHT = ((*MASK, 0.99), (*HAT, 0.98))


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FMASK_PHOTOS", raising=False)
    monkeypatch.setattr("fmask.inference.load.load", lambda *_, **__: FakePredictor())
    monkeypatch.setattr("fmask.inference.description.network_classes", lambda *_: (CLASSES, {}))


def diagnose(*words: str) -> list[list[str]]:
    """Return the words of each line of the output."""
    result = CliRunner().invoke(app, ["diagnose", *words], catch_exceptions=False, env={"COLUMNS": "80"})
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 80 or "onerror" in result.output
    return [line.split() for line in result.output.splitlines()]


def test_the_photos_of_a_run_are_diagnosed(store: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "data")
    lines = diagnose("latest", "--split", "test")
    assert ["all", "0.500", "0.250", *["0.000"] * 5] in lines
    assert ["errors", "2", "0", "0", "0", "2", "0"] in lines
    assert ["hat", "0.000", "0.500", *["0.000"] * 5] in lines
    assert ["medium,", "below", "96", "px", "0.250", *["0.000"] * 5] in lines
    assert ["inside", "2", "1.00", "0.34-1.00", "0", "0", "2"] in lines  # Wilson's interval of 2 photos
    assert ["at", "the", "edge", "2", "0.00", "0.00-0.66", "2", "0", "0"] in lines
    assert ["1.55", *MALICIOUS_NAME.split()[:-1], f"{MALICIOUS_NAME.split()[-1]}:"] == lines[-4][:4]
    assert ["1.55", "plain.jpg:", "1", "found", "wrongly,", "1", "spurious"] in lines
    sizes = [Image.open(store / "diagnosis" / name).size for name in ("ap_lost.png", "worst_photos.png")]
    assert all(width > 600 for width, _ in sizes)


def test_photos_without_errors_have_no_sheet(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path / "data")
    lines = diagnose("latest", "--split", "test", "--min-confidence", "0.99")
    assert ["1.00", "plain.jpg:", "1", "missed"] in lines
    assert (store / "diagnosis" / "worst_photos.png").exists()
    monkeypatch.setattr(FakePredictor, "predict_each", lambda _, images, **__: [detections(*RIGHT) for _ in images])
    lines = diagnose("latest", "--split", "test")
    assert lines[-1] == ["No", "photo", "has", "errors", "at", "this", "confidence."]
    assert [file.name for file in (store / "diagnosis").iterdir()] == ["ap_lost.png"]  # the old sheet is gone


def test_names_of_folders_are_no_markup() -> None:
    title = _slices_table([], "[old]", 0.5).title
    assert Text.from_markup(str(title)).plain == "[old] photos: outcomes at a confidence of 0.5"


def test_other_photos_are_diagnosed(store: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "data")
    weights = str(tmp_path / "data" / "last.h5")
    lines = diagnose(weights, str(tmp_path / "data"), "--split", "test")
    assert ["all", "0.500", "0.250", *["0.000"] * 5] in lines
    assert diagnose(weights, str(tmp_path / "data" / "test")) == lines
    with pytest.raises(UserError, match=r"data has no split val; it has test\."):
        diagnose(weights, str(tmp_path / "data"))


def test_photos_that_cannot_be_predicted_again_are_refused(store: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "data")
    with pytest.raises(UserError, match=r"The run did not log its val photos\. To diagnose other photos, give a data"):
        diagnose("latest")
    (tmp_path / "data").rename(tmp_path / "away")
    with pytest.raises(UserError, match=r"has no photos any more\. To diagnose other photos, give a data set"):
        diagnose("latest", "--split", "test")
    assert not (store / "diagnosis").exists()
