"""One video made into another, frame by frame."""

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
    """What became of a video."""

    frames: int
    stopped: bool
    """By Ctrl-C or SIGTERM, before the end."""
    note: str | None
    """What is to be known of the file: that it is without sound."""


def redraw(
    footage: Footage,
    path: Path,
    predictor: "Predictor",
    min_confidence: float,
    draw: Callable[[Frame, Detections], np.ndarray],
    on_frame: Callable[[], None] = lambda: None,
    limit: int | None = None,
) -> Redrawn:
    """Write `path`: each frame as `draw` makes it, of the same size, from what is found with at least `min_confidence`.

    Ends early after `limit` frames, or when Ctrl-C or SIGTERM asks for it; the file then holds the frames until there.

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
