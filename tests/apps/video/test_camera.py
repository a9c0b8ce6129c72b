"""Cameras are opened by number, and their frames have the times at which they were taken."""

from itertools import pairwise
from pathlib import Path
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
    """Camera 0 delivers ten frames and is then unplugged; there is no other camera."""

    def __init__(self, index: int) -> None:
        self.left = 11 if index == 0 else 0

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
