"""Redraw the frames of a video or camera into a new video."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fmask.apps.video.predict import predict_frames
from fmask.apps.video.reading import Footage, Frame
from fmask.apps.video.writing import VideoWriter
from fmask.structures.detections import Detections
from fmask.utils.signals import stop_on_signal

if TYPE_CHECKING:
    from fmask.inference.predictor import Predictor


@dataclass(frozen=True)
class Redrawn:
    """The result of `redraw`."""

    frames: int
    """Number of frames written."""
    stopped: bool
    """Whether Ctrl-C or SIGTERM stopped it before the end."""
    note: str | None
    """A message for the user if the file has no sound although the video has."""


def redraw(
    footage: Footage,
    path: Path,
    predictor: "Predictor",
    min_confidence: float | None,
    draw: Callable[[Frame, Detections], np.ndarray],
    on_frame: Callable[[], None] = lambda: None,
    limit: int | None = None,
) -> Redrawn:
    """Write a video of the frames that `draw` returns.

    Ctrl-C and SIGTERM stop early; the file then contains the frames so far.

    Args:
        footage: the open video or camera.
        path: the video file to write.
        predictor: the trained model.
        min_confidence: lowest score of the detections passed to `draw`; None for those of `Detections.select`.
        draw: returns the picture to write, of the same size as the frame, for a frame and its detections.
        on_frame: called after each frame.
        limit: largest number of frames; None for all.

    Raises:
        UserError: the file cannot be written.
    """
    with VideoWriter(path, footage) as writer, stop_on_signal() as stop:
        for frame, found in predict_frames(footage, predictor, min_confidence):
            if stop.requested:
                break
            writer.write(draw(frame, found), frame.time)
            on_frame()
            if writer.written == limit:
                break
    return Redrawn(writer.written, stop.requested, writer.note)
