"""What a data set holds, what is wrong with it, and whether photos of one split turn up in another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageOps
from rich import box
from rich.columns import Columns
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fmask.data.config import SPLITS
from fmask.data.dataset import read_dataset
from fmask.data.formats.read import read_split
from fmask.data.images import open_image
from fmask.data.polygons import area
from fmask.structures.annotations import FAULT_KINDS, NOTE_KINDS, Fault, Split
from fmask.structures.detections import CLASS_NAMES
from fmask.utils.errors import UserError

HASH_SIDE = 16
DUPLICATE_BITS = 56
"""Two photos whose perceptual hashes differ in fewer of the 256 bits are taken for one picture.

Measured on the study's photos: saving again at JPEG quality 30, halving the size or brightening by 30 % moves a hash by
at most 40 bits, cutting 2 % off each side by at most 52. Different pictures differ by 82 and more, except for the
series of one sitting: 44 for two frames that look the same, 68 and more once the person moves.
"""


@dataclass(frozen=True)
class Duplicates:
    """Two photos that show the same picture."""

    first: str
    """Its split and name, as in `test/a.jpg`."""
    second: str
    bits: int
    """How many of the 256 bits of their perceptual hashes differ."""
    mirrored: bool
    """The one is the other with left and right exchanged."""
    leak: bool
    """They lie in different splits, so that scores are (partly) of what was trained on."""


@dataclass(frozen=True)
class Report:
    """What `check` found in one data set."""

    folder: Path
    splits: tuple[Split, ...]
    """Their faults include the photos that turned out to be broken when decoded in full."""
    duplicates: tuple[Duplicates, ...]

    @property
    def faults(self) -> list[tuple[Split, Fault]]:
        """Faults and notes, with the split they are in."""
        return [(split, fault) for split in self.splits for fault in split.faults]

    @property
    def is_clean(self) -> bool:
        """Whether there are neither faults nor leaks; notes are allowed."""
        return all(fault.is_note for _, fault in self.faults) and not any(pair.leak for pair in self.duplicates)


def check(folder: Path) -> Report:
    """Read everything in a data set (a folder with some of train, val, test) or in one split's folder.

    Raises:
        UserError: there is no such folder, or its annotations cannot be read at all.
    """
    folder = Path(folder)
    if any((folder / split).is_dir() for split in SPLITS):
        splits = tuple(read_dataset(folder, folder.name).splits.values())
    else:
        splits = (read_split(folder),)
    decoded = [_decode(split) for split in splits]
    return Report(folder, tuple(split for split, _ in decoded), tuple(_find_duplicates(decoded)))


def print_report(report: Report, console: Console) -> None:
    """Print the counts and sizes, then every leak, fault and note with its file and region."""
    console.print(_summary(report.splits))
    leaks = [pair for pair in report.duplicates if pair.leak]
    faults = [(split, fault) for split, fault in report.faults if not fault.is_note]
    notes = [(split, fault) for split, fault in report.faults if fault.is_note]
    if leaks:
        _print_duplicates("Leaks: one picture, or nearly, in two splits", leaks, console)
    _print_faults("Faults", faults, FAULT_KINDS, console)
    if len(leaks) < len(report.duplicates):
        _print_duplicates(
            "Notes: one picture, or nearly, twice in a split",
            [pair for pair in report.duplicates if not pair.leak],
            console,
        )
    _print_faults("Notes", notes, NOTE_KINDS, console)
    verdict = Text(f"\n{_count(len(faults), 'fault')}, {_count(len(leaks), 'leak')}.")
    console.print(verdict, style="bold green" if report.is_clean else "bold red")


def _decode(split: Split) -> tuple[Split, list[np.ndarray]]:
    """The split without the photos that cannot be decoded, and each remaining photo's hashes."""
    photos, hashes, faults = [], [], list(split.faults)
    for photo in split.photos:
        try:
            hashes.append(_hashes(open_image(photo.path)))
            photos.append(photo)
        except UserError as error:
            faults.append(Fault("unreadable photo", photo.name, None, str(error.__cause__ or error)))
    return replace(split, photos=tuple(photos), faults=tuple(faults)), hashes


def _hashes(image: Image.Image) -> np.ndarray:
    """The perceptual hash of a picture and of its mirror image: bool (2, 256)."""
    side = 4 * HASH_SIDE  # what phash scales to first; doing so here does it once for both
    small = image.convert("L").resize((side, side), Image.Resampling.LANCZOS)
    both = (imagehash.phash(picture, HASH_SIDE) for picture in (small, ImageOps.mirror(small)))
    return np.stack([each.hash.ravel() for each in both])


def _find_duplicates(decoded: list[tuple[Split, list[np.ndarray]]]) -> Iterator[Duplicates]:
    photos = [(split, photo) for split, _ in decoded for photo in split.photos]
    hashes = np.array([both for _, hashes in decoded for both in hashes]).reshape(-1, 2, HASH_SIDE**2)
    for later, (split, photo) in enumerate(photos):
        bits = np.count_nonzero(hashes[:later] != hashes[later, :1], axis=2)  # (earlier photos, as is or mirrored)
        for earlier in np.flatnonzero(bits.min(axis=1, initial=HASH_SIDE**2) < DUPLICATE_BITS):
            other_split, other = photos[earlier]
            as_is, mirrored = bits[earlier]
            yield Duplicates(
                first=f"{split.name}/{photo.name}",
                second=f"{other_split.name}/{other.name}",
                bits=int(min(as_is, mirrored)),
                mirrored=bool(mirrored < as_is),
                leak=split is not other_split,
            )


def _summary(splits: tuple[Split, ...]) -> Table:
    caption = "px: sides of photos, root areas of objects"
    table = Table("split", "", box=box.SIMPLE_HEAD, caption=caption, caption_justify="left")
    for heading in ("count", "least", "median", "most"):
        table.add_column(heading, justify="right")
    for split in splits:
        sides = [side for photo in split.photos for side in (photo.width, photo.height)]
        table.add_row(Text(split.name), "photos", str(len(split.photos)), *_spread(sides))
        regions = [region for photo in split.photos for region in photo.regions]
        for name in CLASS_NAMES:
            sizes = [area(region.polygon) ** 0.5 for region in regions if not region.ignore and region.label == name]
            table.add_row("", f"{name}s", str(len(sizes)), *_spread(sizes))
        table.add_row("", "ignored", str(sum(region.ignore for region in regions)), end_section=True)
    return table


def _spread(values: Sequence[float]) -> list[str]:
    return [f"{value:.0f}" for value in np.percentile(values, (0, 50, 100))] if values else []


def _print_duplicates(title: str, duplicates: list[Duplicates], console: Console) -> None:
    console.print(f"\n[bold]{title}[/] ({len(duplicates)})")
    table = Table.grid(padding=(0, 2))
    for each in duplicates:
        likeness = f"{each.bits} of {HASH_SIDE**2} bits differ{', mirrored' if each.mirrored else ''}"
        table.add_row(Text(each.first, overflow="fold"), Text(each.second, overflow="fold"), Text(likeness, "dim"))
    console.print(Padding(table, (0, 0, 0, 2)))


def _print_faults(title: str, faults: list[tuple[Split, Fault]], kinds: dict[str, str], console: Console) -> None:
    """Every fault, kind by kind; where a kind's details are all the same, they are told once."""
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
