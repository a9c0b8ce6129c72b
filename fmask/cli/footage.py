"""Open a video or a camera and redraw it with a progress bar: shared by the commands splash and watch."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from fmask.utils.errors import INTERRUPTED

if TYPE_CHECKING:
    import numpy as np

    from fmask.apps.video.reading import Footage, Frame
    from fmask.apps.video.sources import Camera
    from fmask.inference.predictor import Predictor
    from fmask.structures.detections import Detections


def open_footage(source: "Path | Camera") -> "AbstractContextManager[Footage]":
    """Open a video file or a camera.

    Raises:
        UserError: it cannot be read.
    """
    from fmask.apps.video.camera import open_camera
    from fmask.apps.video.reading import open_video

    return open_video(source) if isinstance(source, Path) else open_camera(source)


def redraw_with_bar(
    footage: "Footage",
    output: Path,
    predictor: "Predictor",
    min_confidence: float | None,
    draw: "Callable[[Frame, Detections], np.ndarray]",
    frames: int | None,
) -> None:
    """Run `fmask.apps.video.redraw` with a progress bar and print the result.

    Args:
        footage: the open video or camera.
        output: the video file to write.
        predictor: the trained model.
        min_confidence: lowest score of the detections passed to `draw`; None for those of `Detections.select`.
        draw: returns the picture to write for a frame and its detections.
        frames: largest number of frames; None for all.

    Raises:
        UserError: the output cannot be written.
        typer.Exit: a video was stopped before its end. Stopping a camera is its usual end, so it does not raise this.
    """
    from fmask.apps.video.redraw import redraw
    from fmask.cli.progress import speed_bar

    with speed_bar("frames") as bars:
        total = min((count for count in (frames, footage.count) if count), default=None)
        bar = bars.add_task(footage.name, total=total)
        result = redraw(footage, output, predictor, min_confidence, draw, lambda: bars.advance(bar), frames)
        if not result.stopped:
            bars.update(bar, total=result.frames)  # `footage.count` is an estimate if the file has no index
    if result.note:
        print(result.note)
    if not result.frames:
        print(f"Stopped before the first frame; {output} was not written.")
    elif result.stopped and not footage.live:
        print(f"Stopped early: {output} has the first {result.frames} frames.")
    else:
        print(f"{output}: {result.frames} frame{'s' if result.frames > 1 else ''}")
    if result.stopped and not (footage.live and result.frames):
        raise typer.Exit(INTERRUPTED)
