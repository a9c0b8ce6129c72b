"""A video is redrawn frame by frame; what was written before a stop is kept."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from fmask.apps.video.predict import frames_at_once
from fmask.apps.video.reading import Frame, open_video
from fmask.apps.video.redraw import Redrawn, redraw
from fmask.structures.detections import Detections
from tests.helpers.films import ColourPredictor, frames_of, make_film


def redraw_film(folder: Path, predictor: ColourPredictor, limit: int | None = None, frames: int = 20) -> Redrawn:
    """Redraw a.mp4 to b.mp4: frames with two detections become negatives."""

    def draw(frame: Frame, found: Detections) -> np.ndarray:
        return 255 - frame.image if len(found) == 2 else frame.image

    with open_video(make_film(folder / "a.mp4", frames=frames)) as footage:
        return redraw(footage, folder / "b.mp4", predictor, 0.5, draw, limit=limit)


def test_every_frame_is_drawn_with_its_detections(tmp_path: Path) -> None:
    assert redraw_film(tmp_path, ColourPredictor(), frames=100) == Redrawn(100, stopped=False, note=None)
    before, after = frames_of(tmp_path / "a.mp4"), frames_of(tmp_path / "b.mp4")
    assert [frame.time for frame in after] == [frame.time for frame in before]
    for one, other in zip(before, after, strict=True):
        assert np.abs(255 - one.image.astype(int) - other.image).mean() < 10


def test_low_scores_are_ignored(tmp_path: Path) -> None:
    redraw_film(tmp_path, ColourPredictor(score=0.49), frames=2)
    before, after = (frames_of(tmp_path / name)[0].image.astype(int) for name in ("a.mp4", "b.mp4"))
    assert np.abs(before - after).mean() < 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_frames_so_far(tmp_path: Path, number: signal.Signals) -> None:
    def interrupt(seen: int) -> None:
        if seen == 10:
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    predictor = ColourPredictor(interrupt)
    predictor.batch_size = 5
    assert redraw_film(tmp_path, predictor) == Redrawn(10, stopped=True, note=None)
    assert len(frames_of(tmp_path / "b.mp4")) == 10
    assert signal.getsignal(number) is handler


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    def interrupt(seen: int) -> None:
        if seen == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        redraw_film(tmp_path, ColourPredictor(interrupt))
    assert len(frames_of(tmp_path / "b.mp4")) == 3


def test_an_error_keeps_the_frames_so_far(tmp_path: Path) -> None:
    def fail(seen: int) -> None:
        if seen == 3:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        redraw_film(tmp_path, ColourPredictor(fail))
    assert len(frames_of(tmp_path / "b.mp4")) == 3


def test_the_number_of_frames_can_be_limited(tmp_path: Path) -> None:
    assert redraw_film(tmp_path, ColourPredictor(), limit=4) == Redrawn(4, stopped=False, note=None)
    assert len(frames_of(tmp_path / "b.mp4")) == 4


def test_frames_are_predicted_in_batches(tmp_path: Path) -> None:
    predictor = ColourPredictor()
    predictor.batch_size = 8
    redraw_film(tmp_path, predictor)
    assert predictor.batches == [8, 8, 4]


def test_large_frames_are_predicted_in_smaller_batches() -> None:
    assert frames_at_once(10, 480, 640) == 10
    assert frames_at_once(10, 1080, 1920) == 4
    assert frames_at_once(10, 4320, 7680) == 1
    assert frames_at_once(1, 48, 64) == 1
