"""Check a data set: counts and sizes, faults of photos and regions, and near-duplicate photos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fmask.data.config import ReadOptions
from fmask.data.dataset import read_splits
from fmask.data.duplicates import HASH_SIDE, hashes, near_pairs
from fmask.data.images import open_image
from fmask.data.polygons import area
from fmask.structures.annotations import FAULT_KINDS, NOTE_KINDS, Fault, Split
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Duplicates:
    """Two photos that show the same, or nearly the same, picture."""

    first: str
    """Split and name of one photo, as in `test/a.jpg`."""
    second: str
    """Split and name of the other photo."""
    bits: int
    """Number of bits in which their perceptual hashes differ, of 256."""
    mirrored: bool
    """Whether one photo is the mirror image of the other."""
    leak: bool
    """Whether they are in different splits, so that scores are partly measured on training data."""


@dataclass(frozen=True)
class Report:
    """The result of `check` for one data set."""

    folder: Path
    splits: tuple[Split, ...]
    """The splits; their faults include photos that could not be decoded in full."""
    duplicates: tuple[Duplicates, ...]

    @property
    def faults(self) -> list[tuple[Split, Fault]]:
        """All faults and notes, each with its split."""
        return [(split, fault) for split in self.splits for fault in split.faults]

    @property
    def is_clean(self) -> bool:
        """Whether there are no faults and no leaks; notes do not count."""
        return all(fault.is_note for _, fault in self.faults) and not any(pair.leak for pair in self.duplicates)


def check(folder: Path, options: ReadOptions | None = None) -> Report:
    """Check a data set, including every photo's pixels.

    Args:
        folder: a data set with some splits (see `split_folders`), or the folder of a single split.
        options: how annotation files are read; None for the defaults.

    Raises:
        UserError: there is no such folder, or an annotation file cannot be read with these options.
    """
    decoded = [_decode(split) for split in read_splits(folder, options)]
    return Report(Path(folder), tuple(split for split, _ in decoded), tuple(_find_duplicates(decoded)))


def print_report(report: Report, console: Console) -> None:
    """Print counts and sizes, then every leak, fault and note with its file and region."""
    console.print(_summary(report.splits))
    leaks = [pair for pair in report.duplicates if pair.leak]
    within_split = [pair for pair in report.duplicates if not pair.leak]
    faults = [(split, fault) for split, fault in report.faults if not fault.is_note]
    notes = [(split, fault) for split, fault in report.faults if fault.is_note]
    if leaks:
        _print_duplicates("Leaks: near-duplicate photos in different splits", leaks, console)
    _print_faults("Faults", faults, FAULT_KINDS, console)
    if within_split:
        _print_duplicates("Notes: near-duplicate photos in the same split", within_split, console)
    _print_faults("Notes", notes, NOTE_KINDS, console)
    verdict = Text(f"\n{_count(len(faults), 'fault')}, {_count(len(leaks), 'leak')}.")
    console.print(verdict, style="bold green" if report.is_clean else "bold red")


def _decode(split: Split) -> tuple[Split, list[np.ndarray]]:
    """Return the split without the photos that cannot be decoded, and the hashes of the remaining photos."""
    photos, hashed, faults = [], [], list(split.faults)
    for photo in split.photos:
        try:
            hashed.append(hashes(open_image(photo.path)))
            photos.append(photo)
        except UserError as error:
            faults.append(Fault("unreadable photo", photo.name, None, str(error.__cause__ or error)))
    return replace(split, photos=tuple(photos), faults=tuple(faults)), hashed


def _find_duplicates(decoded: list[tuple[Split, list[np.ndarray]]]) -> Iterator[Duplicates]:
    photos = [(split, photo) for split, _ in decoded for photo in split.photos]
    hashed = np.array([both for _, hashes in decoded for both in hashes]).reshape(-1, 2, HASH_SIDE**2)
    for pair in near_pairs(hashed):
        (first_split, first), (second_split, second) = photos[pair.earlier], photos[pair.later]
        yield Duplicates(
            first=f"{second_split.name}/{second.name}",
            second=f"{first_split.name}/{first.name}",
            bits=pair.bits,
            mirrored=pair.mirrored,
            leak=first_split is not second_split,
        )


def _summary(splits: tuple[Split, ...]) -> Table:
    caption = "pixels: sides of photos, square roots of the areas of objects"
    table = Table("split", "", box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("count", "min", "median", "max"):
        table.add_column(heading, justify="right")
    for split in splits:
        sides = [side for photo in split.photos for side in (photo.width, photo.height)]
        table.add_row(Text(split.name), "photos", str(len(split.photos)), *_spread(sides))
        table.add_row("", "  without objects", str(split.empty))
        table.add_row("", "  left out", str(split.left_out))
        regions = [region for photo in split.photos for region in photo.regions]
        for name in split.classes:
            sizes = [area(region.polygon) ** 0.5 for region in regions if not region.ignore and region.label == name]
            table.add_row("", Text(name), str(len(sizes)), *_spread(sizes))
        if split.box_only:
            table.add_row("", "boxes without outlines", str(split.box_only))
        if mapped_out := sum(split.mapped_out.values()):
            table.add_row("", "left out by the map", str(mapped_out))
        table.add_row("", "ignored", str(sum(region.ignore for region in regions)), end_section=True)
    return table


def _spread(values: Sequence[float]) -> list[str]:
    """Return minimum, median and maximum as text; nothing if there are no values."""
    return [f"{value:.0f}" for value in np.percentile(values, (0, 50, 100))] if values else []


def _print_duplicates(title: str, duplicates: list[Duplicates], console: Console) -> None:
    console.print(f"\n[bold]{title}[/] ({len(duplicates)})")
    table = Table.grid(padding=(0, 2))
    for each in duplicates:
        difference = f"{each.bits} of {HASH_SIDE**2} bits differ{', mirrored' if each.mirrored else ''}"
        table.add_row(Text(each.first, overflow="fold"), Text(each.second, overflow="fold"), Text(difference, "dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _print_faults(title: str, faults: list[tuple[Split, Fault]], kinds: dict[str, str], console: Console) -> None:
    """Print faults grouped by kind; a detail that all faults of a kind share is printed once."""
    if faults:
        console.print(f"\n[bold]{title}[/] ({len(faults)})")
    order = list(kinds)
    for kind, group in groupby(sorted(faults, key=lambda each: order.index(each[1].kind)), lambda each: each[1].kind):
        members = list(group)
        places = [_place(split, fault) for split, fault in members]
        details = [fault.detail for _, fault in members]
        console.print(f"  [yellow]{kind}[/] ({len(members)}): {kinds[kind]}")
        if len(set(details)) == 1:
            listing: Table | Columns = Columns(places, padding=(0, 2))
            console.print(Padding(Text(details[0], "dim"), (0, 0, 0, 4)))
        else:
            listing = Table.grid(padding=(0, 2))
            for place, detail in zip(places, details, strict=True):
                listing.add_row(place, Text(detail, "dim"))
        console.print(Padding(listing, (0, 0, 0, 4)))


def _place(split: Split, fault: Fault) -> Text:
    region = "" if fault.region is None else f" region {fault.region}"
    return Text(f"{split.name}/{fault.file}{region}", overflow="fold")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
