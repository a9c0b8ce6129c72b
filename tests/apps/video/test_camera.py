"""Cameras are opened by number, and their frames have the times at which they were taken."""

from itertools import pairwise
from pathlib import Path
from threading import active_count
from time import sleep
from typing import Any

import cv2
import numpy as np
import pytest

from fmask.apps.video import camera
from fmask.apps.video.camera import open_camera
from fmask.apps.video.redraw import redraw
from fmask.utils.errors import UserError
from tests.helpers.films import ColourPredictor, frames_of, passing


class FakeCapture:
    """Camera 0 and the stream at `gate` deliver ten frames and end; there is no other camera."""

    def __init__(self, camera: int | str) -> None:
        self.left = 11 if camera in (0, "rtsp://me:hunter2@gate/1") else 0

    def set(self, *_: Any) -> None: ...

    def get(self, _: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, passing(10 - self.left)[..., ::-1]) if self.left >= 0 else (False, None)

    def release(self) -> None: ...


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(np.arange(0, 99, 0.3))
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(camera, "monotonic", lambda: float(next(clock)))


def test_a_recording_of_a_camera_plays_in_real_time(tmp_path: Path) -> None:
    predictor = ColourPredictor()
    with open_camera(0) as footage:
        assert (footage.live, footage.count, footage.height, footage.width) == (True, None, 48, 64)
        redraw(footage, tmp_path / "a.mp4", predictor, 0.5, lambda frame, _: frame.image)
    frames = frames_of(tmp_path / "a.mp4")
    steps = [round(float(after.time - before.time), 2) for before, after in pairwise(frames)]
    assert steps == [0.3] * 9
    assert np.abs(frames[4].image.astype(int) - passing(5)).mean() < 10
    assert predictor.batches == [1] * 10


def test_a_missing_camera_is_reported() -> None:
    with pytest.raises(UserError, match="Camera 7 delivers no picture; cameras are numbered from 0"), open_camera(7):
        pass


def test_a_slow_model_gets_the_newest_picture_of_a_stream() -> None:
    with open_camera("rtsp://me:hunter2@gate/1") as footage:
        assert (footage.name, footage.live) == ("rtsp://me:***@gate/1", True)
        sleep(0.2)  # all pictures have arrived
        (frame,) = footage.frames
    assert np.abs(frame.image.astype(int) - passing(10)).mean() < 10


def test_a_stream_is_closed_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "read", lambda _: (True, passing(0)))  # without an end
    before = active_count()
    with open_camera("rtsp://me:hunter2@gate/1") as footage:
        next(footage.frames)
        assert active_count() == before + 1
    assert active_count() == before


def test_a_stream_without_pictures_is_reported() -> None:
    with (
        pytest.raises(UserError, match="rtsp://nowhere/1 delivers no picture; check the address"),
        open_camera("rtsp://nowhere/1"),
    ):
        pass
