"""The command `fmask splash`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import USE, app
from fmask.cli.footage import open_footage, redraw_with_bar
from fmask.cli.options import Confidence, Frames, Model
from fmask.utils.errors import INTERRUPTED, SomeFailedError, UserError

if TYPE_CHECKING:
    from fmask.apps.splash.style import SplashStyle
    from fmask.apps.splash.targets import Target
    from fmask.inference.predictor import Predictor


class ClassName(StrEnum):
    """`CLASS_NAMES` as choices of an option."""

    MASK = "mask"
    HAT = "hat"


@app.command(rich_help_panel=USE)
def splash(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(help="Photos, folders of photos, patterns, videos, or camera numbers.")
    ],
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw a box around each object.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Write the class and score of each object.")] = False,
    classes: Annotated[
        list[ClassName] | None, typer.Option("--class", help="Show only this class. Can be repeated. Default: both.")
    ] = None,
    min_confidence: Confidence = 0.5,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A file for one input, or a folder. Default: NAME_splash beside each input."
        ),
    ] = None,
    frames: Frames = None,
) -> None:
    """Make photos and videos grey except for the masks and hats.

    The inputs are not changed. Photos keep their format where fmask can write it, and become .jpg otherwise.

    Videos keep the times of their frames and their sound. They are written as H.264 in .mp4, .m4v, .mov or .mkv, as VP9
    in .webm, and other formats become .mp4. Ctrl-C stops early: the file then contains the frames so far, and the exit
    status is 130.

    A camera is recorded without sound until Ctrl-C, which is its usual end, or for --frames.

    Exit status: 1 if some of several photos could not be processed; the others are written.
    """
    from fmask.apps.splash.style import SplashStyle
    from fmask.apps.splash.targets import find_targets
    from fmask.inference import load

    targets = find_targets(inputs, output)
    predictor = load.load(model)
    style = SplashStyle(classes or tuple(ClassName), boxes, labels)
    _splash_photos([target for target in targets if target.is_photo], predictor, style, min_confidence)
    for target in targets:
        if not target.is_photo:
            with open_footage(target.source) as footage:
                redraw_with_bar(
                    footage,
                    target.output,
                    predictor,
                    min_confidence,
                    lambda frame, found: style.draw(frame.image, found),
                    frames,
                )


def _splash_photos(
    targets: "list[Target]", predictor: "Predictor", style: "SplashStyle", min_confidence: float
) -> None:
    from fmask.apps.splash.photo import splash_photo
    from fmask.cli.progress import speed_bar
    from fmask.utils.signals import stop_on_signal

    if not targets:
        return
    done, failed = 0, 0
    with speed_bar("photos") as progress, stop_on_signal() as stop:
        bar = progress.add_task("Photos", total=len(targets))
        for target in targets:
            if stop.requested:
                break
            assert isinstance(target.source, Path)
            try:
                splash_photo(target.source, target.output, predictor, style, min_confidence)
                done += 1
            except UserError as error:
                if len(targets) == 1:
                    raise
                print(error)  # the other photos may succeed
                failed += 1
            progress.advance(bar)
    folders = {target.output.parent for target in targets}
    place = targets[0].output if len(targets) == 1 else folders.pop() if len(folders) == 1 else "the photos' folders"
    if stop.requested:
        print(f"Stopped early: {place} has the first {done} of {len(targets)} photos.")
        raise typer.Exit(INTERRUPTED)
    print(f"{place}: {done} photo{'' if done == 1 else 's'}")
    if failed:
        raise SomeFailedError(f"{failed} of {len(targets)} photos could not be processed, for the reasons above.")
