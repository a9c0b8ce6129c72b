"""The command `fmask watch`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import USE, app
from fmask.cli.footage import open_footage, redraw_with_bar
from fmask.cli.options import Frames, MinConfidence, Model, Runtime, Settings, Threads, Views, With
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from fmask.apps.video.reading import Frame
    from fmask.apps.video.sources import Camera
    from fmask.structures.detections import Detections

LIMITATIONS = "Items that the model misses are reported as missing: check the thumbnails."
UNSEEN = "A head with neither mask nor hat is not detected: do not take the absence of events as proof."
"""Also printed if the network does not know heads."""


@app.command(rich_help_panel=USE)
def watch(
    model: Model,
    video: Annotated[str, typer.Argument(help="A video, or a camera: its number, or its address (rtsp://…).")],
    need: Annotated[str | None, typer.Option(help="Items that each head must wear: mask, hat, or mask,hat.")] = None,
    class_map: Annotated[
        str | None,
        typer.Option(
            "--map",
            help='What a class of another name is, mask, hat or head: "{helmet: hat, face: head}"; null leaves its '
            "objects out.",
        ),
    ] = None,
    hold: Annotated[
        float, typer.Option("--for", help="Seconds for which a head must lack an item before it is an event.")
    ] = 1.0,
    min_confidence: MinConfidence = None,
    others: With = None,
    views: Views = None,
    runtime: Runtime = None,
    threads: Threads = 0,
    settings: Settings = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The output folder, new or empty. Default: VIDEO_watch.")
    ] = None,
    frames: Frames = None,
) -> None:
    """Report the heads in a video that lack a required mask or hat.

    The classes mask, hat and head are used, the leaves of parents of these names, and the classes of --map. Masks and
    hats are grouped into heads: a mask belongs to the hat above it, within about the size of a head (the rule is in
    fmask/apps/watch/heads.py). Heads are tracked from frame to frame by the overlap of their boxes. An event is
    recorded when a head lacks an item in every frame in which it is seen, for the seconds of --for. The event ends when
    the item is seen for as long.

    The output folder contains events.csv (time, frame, head, missing item, start of the lack, confidence, reason, box,
    thumbnail), the folder thumbnails, and the marked video. A green box means that all required items are worn, a red
    box names the missing items, and an amber box is not decided yet. Worn items have their scores. The clock in the
    upper left is the time of day for a camera, and the time since the start for a video.

    Limitations: items that the model misses are reported as missing. Only a network with the class head detects heads
    with neither mask nor hat. Heads that cross or are partly hidden may be confused.
    """
    if not 0 <= hold < float("inf"):
        raise UserError(f"--for must be a number of seconds, 0 or more, not {hold:g}.")
    source = _source(video)
    folder = output or _default_folder(source)
    from fmask.apps.video.writing import FORMATS
    from fmask.apps.watch.heads import HEAD, ITEMS, items_of
    from fmask.apps.watch.record import Record, clock_text, mark_heads
    from fmask.apps.watch.watcher import Watcher
    from fmask.data.class_map import read_map
    from fmask.inference import load

    suffix = source.suffix if isinstance(source, Path) and source.suffix.lower() in FORMATS else ".mp4"
    needed = _parse_need(need)
    mapped = read_map(class_map, (*ITEMS, HEAD), "--map")
    predictor = load.load([model, *(others or ())], settings or (), runtime, threads, views or ())
    items = items_of(predictor.classes, predictor.hierarchy, mapped)
    _check_items(model, predictor.classes, items)
    watcher = Watcher(needed, hold, items)
    with open_footage(source) as footage, Record(folder) as record:
        print(LIMITATIONS if HEAD in items.values() else f"{LIMITATIONS} {UNSEEN}")
        started = datetime.now() if footage.live else None

        def draw(frame: "Frame", found: "Detections") -> "np.ndarray":
            for event in watcher.see(frame, found):
                thumbnail = record.add(frame.image, event)
                print(f"{event.time:.1f} s: head {event.head} has no {event.missing} ({event.reason}), {thumbnail}")
            clock = clock_text(float(frame.time), started)
            return mark_heads(frame.image, watcher.in_sight, needed, clock)

        try:
            redraw_with_bar(footage, folder / f"marked{suffix}", predictor, min_confidence, draw, frames)
        finally:
            print(f"{record.file}: {record.events} event{'' if record.events == 1 else 's'}")


def _parse_need(need: str | None) -> tuple[str, ...]:
    from fmask.apps.watch.heads import ITEMS

    items = ITEMS if need is None else [item.strip() for item in need.split(",")]
    if unknown := [item for item in items if item not in ITEMS]:
        raise UserError(f"--need may contain {' and '.join(ITEMS)}, not {unknown[0]!r}.")
    return tuple(dict.fromkeys(items))


def _check_items(model: str, classes: Sequence[str], items: Mapping[str, str]) -> None:
    """Refuse a network that does not know both items: a head is only seen by what it wears."""
    from fmask.apps.watch.heads import ITEMS

    missing = [item for item in ITEMS if item not in items.values()]
    if missing:
        raise UserError(
            f"fmask watch needs masks and hats, but no class of {model} is a {' or a '.join(missing)}: its classes are "
            f"{', '.join(classes)}. If one is, say so, as in --map {quote(f'{{{classes[0]}: {missing[0]}}}')}."
        )


def _source(video: str) -> "Path | Camera":
    from fmask.apps.video.sources import find_camera

    camera = find_camera(video)
    if camera is not None:
        return camera
    if not Path(video).is_file():
        raise UserError(f"{video!r} is neither a video file nor a camera number or address.")
    return Path(video)


def _default_folder(source: "Path | Camera") -> Path:
    from fmask.apps.video.sources import camera_name

    return (
        source.with_name(f"{source.stem}_watch") if isinstance(source, Path) else Path(f"{camera_name(source)}_watch")
    )
