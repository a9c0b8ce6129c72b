"""The suspects of a data set: a table for the terminal, and a CSV file."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fmask.evaluation.suspects import Kind, Suspect, photo_suspicions
from fmask.report.tested import TestedPhotos
from fmask.structures.run_length import bounding_box
from fmask.utils.errors import printable

COLUMNS = (
    *("rank", "suspicion", "kind", "photo", "region", "annotated", "proposed", "score", "iou"),
    *("y1", "x1", "y2", "x2", "photo_suspicion"),
)
"""The columns of the CSV file. The box, in pixels with exclusive ends, is that of the proposal, else of the object."""
LISTED_PHOTOS = 10
"""Largest number of photos that are printed."""


def show(tested: TestedPhotos, suspects: Sequence[Suspect], count: int, console: Console) -> None:
    """Print the first suspects, and the photos with the most suspicious labels."""
    objects = sum(not region.ignore for photo in tested.photos for region in photo.regions)
    networks = Counter(place for place, _ in tested.tests).values()
    each = f"{min(networks)}" if min(networks) == max(networks) else f"{min(networks)} to {max(networks)}"
    console.print(
        f"{len(tested.photos)} photos with {objects} objects. Networks: {tested.runs}; each photo was predicted by "
        f"{each} not trained on it.\n",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for head in ("", "suspicion", "kind", "photo", "region", "annotated", "proposed"):
        is_number = head in ("", "suspicion", "region")
        table.add_column(head, justify="right" if is_number else "left", overflow="fold", no_wrap=head != "photo")
    for rank, suspect in enumerate(suspects[:count], start=1):
        table.add_row(str(rank), *map(escape, _cells(tested, suspect)))
    console.print(table)
    console.print("\nPhotos by the suspicion that any of their labels is wrong:")
    for place, suspicion in list(photo_suspicions(suspects).items())[:LISTED_PHOTOS]:
        console.print(f"{suspicion:.2f}  {printable(tested.photos[place].name)}", markup=False, soft_wrap=True)
    console.print()


def as_csv(tested: TestedPhotos, suspects: Sequence[Suspect]) -> str:
    """Return all suspects as a CSV file with `COLUMNS`."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    of_photos = photo_suspicions(suspects)
    for rank, each in enumerate(suspects, start=1):
        photo = tested.photos[each.place]
        mask = each.mask or (each.region.run_lengths(photo.height, photo.width) if each.region else None)
        left, top, width, height = bounding_box(mask) if mask else (0, 0, 0, 0)
        lines.writerow(
            [
                rank,
                f"{each.suspicion:.4f}",
                each.kind,
                photo.name,
                "" if each.region is None else each.region.index,
                "" if each.region is None else each.region.label,
                each.label or "",
                f"{each.score:.4f}" if each.mask else "",
                "" if each.iou is None else f"{each.iou:.4f}",
                *(f"{side:g}" for side in (top, left, top + height, left + width)),
                f"{of_photos[each.place]:.4f}",
            ]
        )
    return text.getvalue()


def describe(suspect: Suspect) -> str:
    """Return kind, suspicion and proposed class of a suspect in a few words, as in `wrong class 0.93: hat`."""
    proposed = suspect.label if suspect.kind in (Kind.CLASS, Kind.MISSING) else None
    return f"{suspect.kind} {suspect.suspicion:.2f}" + (f": {proposed}" if proposed else "")


def _cells(tested: TestedPhotos, suspect: Suspect) -> list[str]:
    region = suspect.region
    return [
        f"{suspect.suspicion:.2f}",
        suspect.kind.removesuffix(" outline"),
        printable(tested.photos[suspect.place].name),
        "-" if region is None else str(region.index),
        "-" if region is None else str(region.label),
        suspect.label or "-",
    ]
