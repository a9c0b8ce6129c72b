"""The command `fmask splash`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import USE, app
from fmask.cli.footage import open_footage, redraw_with_bar
from fmask.cli.options import Frames, MinConfidence, Model, Runtime, Settings, Threads, Views, With
from fmask.structures.classes import by_key, key_of
from fmask.utils.errors import INTERRUPTED, SomeFailedError, UserError
from fmask.utils.secrets import without_secrets

if TYPE_CHECKING:
    from fmask.apps.splash.style import SplashStyle
    from fmask.apps.splash.targets import Target
    from fmask.inference.predictor import Predictor


@app.command(rich_help_panel=USE)
def splash(
    model: Model,
    inputs: Annotated[list[str], typer.Argument(help="Photos, videos, folders, patterns, or cameras (0, rtsp://…).")],
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw a box around each object.")] = False,
    labels: Annotated[bool, typer.Option("--labels", help="Write the class and score of each object.")] = False,
    outline: Annotated[
        bool,
        typer.Option("--outline", help="Outline each object in the colour of its class, so that white ones stand out."),
    ] = False,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Show only this class of the model. Can be repeated. Default: all."),
    ] = None,
    min_confidence: MinConfidence = None,
    others: With = None,
    views: Views = None,
    runtime: Runtime = None,
    threads: Threads = 0,
    settings: Settings = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A file for one input, or a folder. Default: NAME_splash beside each input."
        ),
    ] = None,
    frames: Frames = None,
) -> None:
    """Make photos and videos grey except for the objects that a model finds.

    The inputs are not changed. Photos keep their format where fmask can write it, and become .jpg otherwise.

    Videos keep the times of their frames and their sound. They are written as H.264 in .mp4, .m4v, .mov or .mkv, as VP9
    in .webm, and other formats become .mp4. Ctrl-C stops early: the file then contains the frames so far, and the exit
    status is 130.

    A camera, given by its number or its address (rtsp://, rtmp:// or http://), is recorded without sound until Ctrl-C,
    which is its usual end, or for --frames.

    Exit status: 1 if some of several inputs could not be processed; the others are written.
    """
    from fmask.apps.splash.style import SplashStyle
    from fmask.apps.splash.targets import find_targets
    from fmask.inference import load

    targets = find_targets(inputs, output)
    predictor = load.load([model, *(others or ())], settings or (), runtime, threads, views or ())
    style = SplashStyle(_chosen(classes, predictor), boxes, labels, outline)
    photos = [target for target in targets if target.is_photo]
    videos = [target for target in targets if not target.is_photo]
    failed = _splash_photos(photos, predictor, style, min_confidence, single=len(targets) == 1)
    for video in videos:
        try:
            with open_footage(video.source) as footage:
                redraw_with_bar(
                    footage,
                    video.output,
                    predictor,
                    min_confidence,
                    lambda frame, found: style.draw(frame.image, found),
                    frames,
                )
        except UserError as error:
            failed += _report(error, single=len(targets) == 1)
    if failed:
        kind = "inputs" if photos and videos else "photos" if photos else "videos"
        raise SomeFailedError(f"{failed} of {len(targets)} {kind} could not be processed, for the reasons above.")


def _chosen(classes: list[str] | None, predictor: "Predictor") -> list[str] | None:
    """Return the chosen classes as the model spells them; None for all."""
    known = by_key(predictor.classes)
    for name in classes or ():
        if key_of(name) not in known:
            names = ", ".join(predictor.classes)
            raise UserError(f"--class must be one of the model's classes, {names}, not {name!r}.")
    return [known[key_of(name)] for name in classes] if classes else None


def _report(error: UserError, single: bool) -> int:
    """Print why an input failed, and return 1; raise the error if the input is the only one."""
    if single:
        raise error
    print(without_secrets(str(error)), file=sys.stderr)
    return 1


def _splash_photos(
    targets: "list[Target]", predictor: "Predictor", style: "SplashStyle", min_confidence: float | None, single: bool
) -> int:
    """Write the splash of each photo, and return how many failed."""
    from fmask.apps.splash.photo import splash_photo
    from fmask.cli.progress import speed_bar
    from fmask.utils.signals import stop_on_signal

    if not targets:
        return 0
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
                failed += _report(error, single)
            progress.advance(bar)
    folders = {target.output.parent for target in targets}
    place = targets[0].output if len(targets) == 1 else folders.pop() if len(folders) == 1 else "the photos' folders"
    if stop.requested:
        print(f"Stopped early: {place} has the first {done} of {len(targets)} photos.")
        raise typer.Exit(INTERRUPTED)
    print(f"{place}: {done} photo{'' if done == 1 else 's'}")
    return failed
