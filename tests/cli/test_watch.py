"""The command `fmask watch`, with a predictor that finds coloured squares."""

import csv
import os
import signal
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from fmask.apps.watch.heads import items_of
from fmask.apps.watch.record import COMPLETE, LACKING, UNDECIDED, clock_text
from fmask.cli import app
from fmask.cli.watch import LIMITATIONS, UNSEEN, _check_items
from fmask.inference import load
from fmask.structures.operating_point import Calibration, OperatingPoint
from fmask.utils.errors import UserError
from fmask.visualization.boxes import Mark
from tests.helpers.films import HAT, MASK, ColourPredictor, frames_of, make_film, scene, sound_of


def losing_its_hat(frame: int) -> np.ndarray:
    """Draw two people; the right one takes the hat off in frame 30, and for one frame before that."""
    left = frame // 10
    squares = [(HAT, (12, 4 + left, 22, 20 + left)), (MASK, (26, 6 + left, 36, 18 + left))]
    squares.append((MASK, (26, 46 - left, 36, 58 - left)))
    if frame < 30 and frame != 12:
        squares.append((HAT, (12, 44 - left, 22, 60 - left)))
    return scene(*squares)


@pytest.fixture
def predictor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ColourPredictor:
    """The predictor that every model name loads; the working directory has a.mp4 with 100 frames at 25 per second."""
    predictor = ColourPredictor()
    monkeypatch.setattr(load, "load", lambda *_: predictor)
    monkeypatch.chdir(tmp_path)
    make_film(Path("a.mp4"), losing_its_hat, frames=100, sound="aac")
    return predictor


def watch(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["watch", "model.h5", *arguments])


def events(folder: str) -> list[dict[str, str]]:
    with Path(folder, "events.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_event_is_printed_and_written(predictor: ColourPredictor) -> None:
    result = watch("a.mp4")
    assert result.exit_code == 0, result.exception
    assert f"{LIMITATIONS} {UNSEEN}" in result.output
    (event,) = events("a_watch")
    head = event["head"]
    assert event | {"y1": "", "x1": "", "y2": "", "x2": ""} == {
        "time": "2.200", "frame": "55", "head": head, "missing": "hat", "since": "1.200",
        "confidence": "0.900", "reason": "wears a mask",
        "y1": "", "x1": "", "y2": "", "x2": "", "thumbnail": f"thumbnails/0001_head{head}_no_hat.jpg",
    }  # fmt: skip
    assert f"2.2 s: head {head} has no hat (wears a mask), a_watch/{event['thumbnail']}" in result.output.replace(
        "\n", ""
    )
    assert "a_watch/events.csv: 1 event\n" in result.output
    y1, x1, y2, x2 = (int(event[side]) for side in ("y1", "x1", "y2", "x2"))
    assert (x1, x2) == (pytest.approx(41, abs=1), pytest.approx(53, abs=1))
    assert y1 < 20 < 34 < y2
    with Image.open(Path("a_watch", event["thumbnail"])) as thumbnail:
        assert np.array(thumbnail).reshape(-1, 3)[:, 2].max() > 180  # the blue mask is on it


def test_items_below_the_operating_point_are_missing(predictor: ColourPredictor) -> None:
    predictor.operating_point = OperatingPoint("accuracy", {"mask": 0.5, "hat": 0.95}, Calibration(1, 0), 1, 1)
    watch("a.mp4")
    assert [event["missing"] for event in events("a_watch")] == ["hat", "hat"]
    watch("a.mp4", "-o", "given", "--min-confidence", "0.5")
    assert len(events("given")) == 1


def test_the_marked_video_has_all_frames_and_the_sound(predictor: ColourPredictor) -> None:
    watch("a.mp4")
    assert len(frames_of(Path("a_watch", "marked.mp4"))) == 100
    assert sound_of(Path("a_watch", "marked.mp4")) == ("aac", pytest.approx(4, abs=0.1))


def test_boxes_are_green_then_amber_then_red(predictor: ColourPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Mark]] = []

    def record(image: np.ndarray, marks: list[Mark]) -> np.ndarray:
        drawn.append(marks)
        return image

    monkeypatch.setattr("fmask.apps.watch.record.draw_marks", record)
    watch("a.mp4")
    colours = [sorted(mark.colour for mark in marks[1:]) for marks in drawn]  # the first mark is the clock
    assert colours[0] == colours[29] == [COMPLETE, COMPLETE]
    assert colours[12] == colours[30] == colours[54] == sorted([COMPLETE, UNDECIDED])
    assert colours[55] == colours[99] == sorted([COMPLETE, LACKING])
    texts = [{mark.text.split(" ", 1)[-1] for mark in marks[1:]} for marks in drawn]
    assert texts[0] == {"mask 0.90, hat 0.90"}
    assert texts[12] == {"mask 0.90, hat 0.90", "hat?, mask 0.90"}
    assert texts[99] == {"mask 0.90, hat 0.90", "no hat, mask 0.90"}
    assert [drawn[n][0].text for n in (0, 99)] == ["0:00:00.0", "0:00:03.9"]


def test_the_clock_of_a_camera_is_the_time_of_day() -> None:
    assert clock_text(75.5, datetime(2026, 3, 1, 23, 59, 0)) == "2026-03-02 00:00:15"
    assert clock_text(3725.37, None) == "1:02:05.3"


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--need", "mask"], 0),
        (["--need", "hat"], 1),
        (["--for", "3"], 0),
        (["--for", "0"], 2),
        (["--frames", "40"], 0),
    ],
)
def test_needed_items_and_hold_time(predictor: ColourPredictor, arguments: list[str], count: int) -> None:
    assert watch("a.mp4", "-o", "out", *arguments).exit_code == 0
    assert len(events("out")) == count


def test_a_stopped_watch_keeps_its_events_and_video(predictor: ColourPredictor) -> None:
    predictor.before = lambda seen: os.kill(os.getpid(), signal.SIGINT) if seen == 70 else None
    result = watch("a.mp4")
    assert result.exit_code == 130
    assert "Stopped early: a_watch/marked.mp4 has the first 70 frames." in result.output
    assert len(events("a_watch")) == 1
    assert len(frames_of(Path("a_watch", "marked.mp4"))) == 70


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.mp4", "--need", "mask,scarf"], "--need may contain mask and hat, not 'scarf'"),
        (["a.mp4", "--need", ""], "--need may contain mask and hat, not ''"),
        (["a.mp4", "--for", "-1"], "--for must be a number of seconds, 0 or more, not -1"),
        (["a.mp4", "--for", "nan"], "--for must be a number of seconds, 0 or more, not nan"),
        (["a.mp4", "--min-confidence", "2"], "--min-confidence must be between 0 and 1, not 2"),
        (["gone.mp4"], "'gone.mp4' is neither a video file nor a camera number or address"),
        (["a.mp4", "-o", "full"], "full is not empty; choose a new or an empty folder with -o"),
        (["a.mp4", "-o", "a.mp4"], "a.mp4 cannot be written: Not a directory"),
        (["b.mp4"], "b.mp4 is not a readable video"),
    ],
)
def test_wrong_arguments_are_reported(predictor: ColourPredictor, arguments: list[str], message: str) -> None:
    Path("full").mkdir()
    Path("full", "mine.txt").touch()
    Path("b.mp4").write_bytes(b"no video")
    result = watch(*arguments)
    with pytest.raises(UserError, match=message):
        raise result.exception or AssertionError("no error")
    assert not result.output  # the limitations are those of a watch that has begun
    assert sorted(path.name for path in Path().iterdir()) == ["a.mp4", "b.mp4", "full"]


def test_a_network_that_does_not_know_both_items_is_refused() -> None:
    classes = ("helmet", "vest", "mask")
    _check_items("best", classes, items_of(classes, mapped={"helmet": "hat"}))
    with pytest.raises(UserError) as refusal:
        _check_items("best", classes, items_of(classes))
    assert str(refusal.value) == (
        "fmask watch needs masks and hats, but no class of best is a hat: its classes are helmet, vest, mask. "
        "If one is, say so, as in --map '{helmet: hat}'."
    )
