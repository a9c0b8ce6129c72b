"""What commands share that make a video of a video or a camera."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.utils.errors import INTERRUPTED, UserError

if TYPE_CHECKING:
    import numpy as np

    from fmask.apps.video.reading import Footage, Frame
    from fmask.inference.predictor import Predictor
    from fmask.structures.detections import Detections

Model = Annotated[str, typer.Argument(help="A weight file (.h5), a run's id, latest, best, or models:/NAME/VERSION.")]
Confidence = Annotated[float, typer.Option(help="What is found with a lower score, 0 to 1, does not count.")]
Frames = Annotated[int | None, typer.Option(min=1, help="End a video or camera after so many frames.")]


def check_confidence(value: float) -> None:
    """Refuse what is no score.

    Raises:
        UserError: it is not within 0 to 1.
    """
    if not 0 <= value <= 1:
        raise UserError(f"--min-confidence is {value}; scores are 0 to 1.")


def open_footage(source: Path | int) -> "AbstractContextManager[Footage]":
    """A video file, or the camera of that number.

    Raises:
        UserError: it cannot be read.
    """
    from fmask.apps.video.camera import open_camera
    from fmask.apps.video.reading import open_video

    return open_camera(source) if isinstance(source, int) else open_video(source)


def redraw_with_bar(
    footage: "Footage",
    output: Path,
    predictor: "Predictor",
    min_confidence: float,
    draw: "Callable[[Frame, Detections], np.ndarray]",
    frames: int | None,
) -> None:
    """`fmask.apps.video.redraw` with a progress bar, for `frames` at most, and what came of it told.

    Raises:
        UserError: the output cannot be written.
        typer.Exit: a file was stopped before its end. A camera is stopped as a matter of course.
    """
    from fmask.apps.video.redraw import redraw
    from fmask.cli.progress import counting

    with counting("frames") as bars:
        total = min((count for count in (frames, footage.count) if count), default=None)
        bar = bars.add_task(footage.name, total=total)
        made = redraw(footage, output, predictor, min_confidence, draw, lambda: bars.advance(bar), frames)
        if not made.stopped:
            bars.update(bar, total=made.frames)  # it was an estimate, of a file without an index
    if made.note:
        print(made.note)
    if not made.frames:
        print(f"Stopped before the first frame; {output} was not written.")
    elif made.stopped and not footage.live:
        print(f"Stopped early: {output} has the first {made.frames} frames.")
    else:
        print(f"{output}: {made.frames} frame{'s' if made.frames > 1 else ''}")
    if made.stopped and not (footage.live and made.frames):
        raise typer.Exit(INTERRUPTED)
