"""The command watch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import app
from fmask.cli.footage import Confidence, Frames, Model, check_confidence, open_footage, redraw_with_bar
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from fmask.apps.video.reading import Frame
    from fmask.structures.detections import Detections

LIMITS = (
    "What the network overlooks counts as missing, and a head with neither mask nor hat is not seen at all: "
    "look at the thumbnails, and take no event for no proof."
)


@app.command()
def watch(
    model: Model,
    video: Annotated[str, typer.Argument(help="A video, or a camera's number.")],
    need: Annotated[str, typer.Option(help="What each head must wear: mask, hat, or mask,hat.")] = "mask,hat",
    hold: Annotated[float, typer.Option("--for", help="Seconds for which a head must lack it.")] = 1.0,
    min_confidence: Confidence = 0.5,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new folder for what is written; else VIDEO_watch.")
    ] = None,
    frames: Frames = None,
) -> None:
    """Tell who in a video lacks a mask or a hat that is needed there.

    Nothing here finds people. Masks and hats are grouped into heads: a mask sits
    below a hat within about a head's size (fmask/apps/watch/heads.py has the rule).
    Heads are followed from frame to frame by overlap. One that lacks an item
    whenever it is seen, for the seconds of --for, is an event, which is over when
    the item is there for as long.

    The folder gets events.csv (time, frame, head, what is missing, since when,
    box, thumbnail), thumbnails/, and the marked-up video: green boxes have all
    that is needed, red ones say what is missing, amber ones are not decided yet.

    Limits: what the network overlooks counts as missing, and a head with neither
    mask nor hat is not seen at all. Heads that cross or are half hidden may be
    taken for one another.
    """
    needed = _parse_need(need)
    check_confidence(min_confidence)
    if not 0 <= hold < float("inf"):
        raise UserError(f"--for is {hold}; it takes seconds, 0 or more.")
    source = _source(video)
    folder = output or _beside(source)
    from fmask.apps.video.writing import FORMATS
    from fmask.apps.watch.record import Record, mark_heads
    from fmask.apps.watch.watcher import Watcher
    from fmask.inference import load

    ending = source.suffix if isinstance(source, Path) and source.suffix.lower() in FORMATS else ".mp4"
    predictor = load.load(model)
    watcher = Watcher(needed, hold)
    print(LIMITS)
    with open_footage(source) as footage, Record(folder) as record:

        def draw(frame: "Frame", found: "Detections") -> "np.ndarray":
            for event in watcher.see(frame, found):
                thumbnail = record.add(frame.image, event)
                print(f"{event.time:.1f} s: head {event.head} has no {event.missing}, {thumbnail}")
            return mark_heads(frame.image, watcher.in_sight, needed)

        try:
            redraw_with_bar(footage, folder / f"marked{ending}", predictor, min_confidence, draw, frames)
        finally:
            print(f"{record.file}: {record.events} event{'' if record.events == 1 else 's'}")


def _parse_need(need: str) -> tuple[str, ...]:
    from fmask.structures.detections import CLASS_NAMES

    given = [item.strip() for item in need.split(",")]
    if unknown := [item for item in given if item not in CLASS_NAMES]:
        raise UserError(f"--need is {need!r}, where {unknown[0]!r} is unknown; it takes {' and '.join(CLASS_NAMES)}.")
    return tuple(dict.fromkeys(given))


def _source(video: str) -> Path | int:
    if video.isdecimal() and not Path(video).exists():
        return int(video)
    if not Path(video).is_file():
        raise UserError(f"{video}: there is no such video.")
    return Path(video)


def _beside(source: Path | int) -> Path:
    return Path(f"camera{source}_watch") if isinstance(source, int) else source.with_name(f"{source.stem}_watch")
