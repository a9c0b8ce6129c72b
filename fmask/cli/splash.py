"""The command splash."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import app
from fmask.cli.footage import Confidence, Frames, Model, check_confidence, open_footage, redraw_with_bar
from fmask.utils.errors import INTERRUPTED, SomeFailedError, UserError

if TYPE_CHECKING:
    from fmask.apps.splash.look import Look
    from fmask.apps.splash.targets import Target
    from fmask.inference.predictor import Predictor


class Kind(StrEnum):
    """`CLASS_NAMES`, as typer takes them."""

    MASK = "mask"
    HAT = "hat"


@app.command()
def splash(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(help="Photos, folders of photos, patterns, videos, or a camera's number.")
    ],
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw a box around each object.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Write each object's class and score.")] = False,
    classes: Annotated[list[Kind] | None, typer.Option("--class", help="Only this class; both unless said.")] = None,
    min_confidence: Confidence = 0.5,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file for one input, a folder for several; else beside the input."),
    ] = None,
    frames: Frames = None,
) -> None:
    """Turn photos and videos grey but for the masks and hats in them, as NAME_splash; inputs stay as they are.

    A video keeps its frames' times and its sound. It becomes H.264 in .mp4, .m4v,
    .mov or .mkv, or VP9 in .webm; one of another kind becomes .mp4. Ctrl-C ends
    it early, with a file of the frames so far and exit status 130.

    A camera goes on until Ctrl-C, its usual end, or for --frames, without sound.
    """
    check_confidence(min_confidence)
    from fmask.apps.splash.look import Look
    from fmask.apps.splash.targets import find_targets
    from fmask.inference import load

    targets = find_targets(inputs, output)
    predictor = load.load(model)
    look = Look(classes or tuple(Kind), boxes, labels)
    _splash_photos([target for target in targets if target.is_photo], predictor, look, min_confidence)
    for target in targets:
        if not target.is_photo:
            with open_footage(target.source) as footage:
                redraw_with_bar(
                    footage,
                    target.output,
                    predictor,
                    min_confidence,
                    lambda frame, found: look.draw(frame.image, found),
                    frames,
                )


def _splash_photos(targets: "list[Target]", predictor: "Predictor", look: "Look", min_confidence: float) -> None:
    from fmask.apps.splash.photo import splash_photo
    from fmask.cli.progress import counting
    from fmask.utils.signals import stop_on_signal

    if not targets:
        return
    done, failed = 0, 0
    with counting("photos") as progress, stop_on_signal() as stop:
        bar = progress.add_task("Photos", total=len(targets))
        for target in targets:
            if stop.requested:
                break
            assert isinstance(target.source, Path)
            try:
                splash_photo(target.source, target.output, predictor, look, min_confidence)
                done += 1
            except UserError as error:
                if len(targets) == 1:
                    raise
                print(error)  # the others may be well
                failed += 1
            progress.advance(bar)
    folders = {target.output.parent for target in targets}
    place = targets[0].output if len(targets) == 1 else folders.pop() if len(folders) == 1 else "the photos' folders"
    if stop.requested:
        print(f"Stopped early: {place} has the first {done} of {len(targets)} photos.")
        raise typer.Exit(INTERRUPTED)
    print(f"{place}: {done} photo{'' if done == 1 else 's'}")
    if failed:
        raise SomeFailedError(f"{failed} of {len(targets)} photos could not be made, for the reasons above.")
