"""One HTML page to browse the photos of a data set, or of a run with its detections: filters, sorting, large photos."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from fmask import tracking
from fmask.data.config import ReadOptions
from fmask.data.dataset import read_splits
from fmask.evaluation.diagnosis import SIZES
from fmask.report.entries import IGNORED, KINDS, Entry, annotated_entry, predicted_entry, side_for
from fmask.report.objects import OUTCOMES
from fmask.report.photos import PredictedPhotos
from fmask.report.render import render
from fmask.structures.annotations import FAULT_KINDS, Fault, Photo, Split
from fmask.utils.errors import UserError, printable
from fmask.visualization.palette import class_colour, text_colour


@dataclass(frozen=True)
class Page:
    """A page of the browser."""

    html: str
    photos: int
    """Number of its photos."""


def browse_dataset(
    folder: Path, split: str | None, image_size: int, console: Console, options: ReadOptions | None = None
) -> Page:
    """Return the page of a data set. The photos are read, with a progress bar.

    Args:
        folder: the folder of the data set, or of one split.
        split: the split to show; None for all.
        image_size: longer side of photos in pixels at which objects are measured.
        console: where the progress bar is drawn.
        options: how annotation files are read; None for the defaults.

    Raises:
        UserError: the data set cannot be read, has no such split, or has no photos to show.
    """
    splits = read_splits(folder, options)
    if split is not None:
        names = [each.name for each in splits]
        if split not in names:
            raise UserError(f"{folder} has no split {split}; it has {', '.join(names)}.")
        splits = [each for each in splits if each.name == split]
    side = side_for([photo for each in splits for photo in each.photos])
    listed = [(each, photo) for each in splits for photo in each.photos]
    left_out = [(each.name, fault) for each in splits for fault in _of_no_photo(each)]
    entries = []
    for each, photo in _tracked(listed, console):
        try:
            entries.append(annotated_entry(photo, each.name, _faults_of(each, photo), side, image_size))
        except UserError as error:
            detail = str(error.__cause__ or error)
            left_out.append((each.name, Fault("unreadable photo", printable(photo.name), None, detail)))
    if not entries:
        raise UserError(f"{folder} has no annotated photos to show; `fmask check {folder}` lists its faults.")
    of_splits = ", ".join(f"{count} {name}" for name, count in Counter(entry.split for entry in entries).items())
    return _page(
        entries,
        splits[0].classes,
        KINDS,
        image_size,
        heading=folder.resolve().name,
        run=None,
        summary=f"{_count(len(entries), 'photo')} ({of_splits}) with {_objects(entries)}.",
        left_out=left_out,
    )


def browse_run(
    run: tracking.RunInfo, predicted: PredictedPhotos, split: str, min_confidence: float, console: Console
) -> Page:
    """Return the page of a run. The photos are read, with a progress bar.

    Args:
        run: the run.
        predicted: its photos and their detections.
        split: name of the photos.
        min_confidence: lowest score in [0, 1] of the detections that count.
        console: where the progress bar is drawn.

    Raises:
        UserError: a photo cannot be read.
    """
    side = side_for(predicted.photos)
    pairs = list(zip(predicted.photos, predicted.detections, strict=True))
    entries = [
        predicted_entry(photo, split, found, min_confidence, side, predicted.image_size)
        for photo, found in _tracked(pairs, console)
    ]
    outcomes = Counter(item.kind for entry in entries for item in entry.items)
    counted = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in OUTCOMES)
    return _page(
        entries,
        predicted.detections[0].classes,
        (*OUTCOMES, IGNORED),
        predicted.image_size,
        heading=run.name,
        run=run,
        summary=f"{_count(len(entries), f'{split} photo')} with {_objects(entries)}. At a confidence of "
        f"{min_confidence:g}: {counted}.",
        left_out=[],
    )


def _page(
    entries: Sequence[Entry], classes: Sequence[str], kinds: Sequence[str], image_size: int, **values: Any
) -> Page:
    """Render entries.

    Args:
        entries: at least one photo.
        classes: the class names, in the order of their ids.
        kinds: the kinds of items, in order.
        image_size: side in pixels at which objects are measured.
        **values: further values of the template.
    """
    others = sorted({label for entry in entries for item in entry.items for label in item.classes} - {*classes})
    html = render(
        "browse.html",
        script="browse.js",
        entries=entries,
        filters=_filters(entries, [*classes, *others], kinds, is_run=values["run"] is not None),
        classes=list(classes),
        counts=Counter(item.label for entry in entries for item in entry.items if item.is_object),
        colours=[(colour, text_colour(colour)) for colour in map(class_colour, range(1, 1 + len(classes)))],
        kinds=kinds,
        sizes=SIZES,
        image_size=image_size,
        effects=FAULT_KINDS,
        **values,
    )
    return Page(html, len(entries))


def _filters(
    entries: Sequence[Entry], classes: Sequence[str], kinds: Sequence[str], is_run: bool
) -> dict[str, tuple[str, dict[str, str]]]:
    """Return the label of each list of choices in the page, and its values with their texts, by the list's name."""
    splits = dict.fromkeys(entry.split for entry in entries)
    present = {item.kind for entry in entries for item in entry.items}
    shown = {"": "all"}
    if not all(entry.objects for entry in entries):
        shown["empty"] = "without objects"
    if any(entry.true_faults for entry in entries):
        shown["faults"] = "with faults"
    kinds_present = _any(kind for kind in kinds if kind in present)
    if is_run:
        kinds_present["errors"] = "any error"
    lists = {
        "split": ("Split", _any(splits)),
        "class": ("Class", _any(classes)),
        "size": ("Size", _any(SIZES)),
        "kind": ("Outcome" if is_run else "Kind", kinds_present),
        "show": ("Photos", shown),
        "sort": ("Sort", ({"worst": "worst first"} if is_run else {}) | {"name": "name", "objects": "most objects"}),
    }
    needed = {"split": len(splits) > 1, "kind": len(present) > 1, "show": len(shown) > 1}
    return {name: each for name, each in lists.items() if needed.get(name, True)}


def _any(values: Iterable[str]) -> dict[str, str]:
    return {"": "any", **{value: value for value in values}}


def _tracked(pairs: Sequence[Any], console: Console) -> Iterable[Any]:
    """Iterate with a progress bar on a terminal."""
    return track(pairs, "Drawing", console=console, transient=True, disable=not console.is_terminal)


def _faults_of(split: Split, photo: Photo) -> list[Fault]:
    return [fault for fault in split.faults if fault.file == printable(photo.name)]


def _of_no_photo(split: Split) -> list[Fault]:
    """Return the faults of files that are not among the photos of a split."""
    known = {printable(photo.name) for photo in split.photos}
    return [fault for fault in split.faults if fault.file not in known]


def _objects(entries: Sequence[Entry]) -> str:
    return _count(sum(entry.objects for entry in entries), "object")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
