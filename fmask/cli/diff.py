"""The command `fmask diff`."""

import csv as csv_module
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import Attribute, EmptyPhotos, PhotoFolder, read_options
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.data.config import ReadOptions
    from fmask.data.differences import Difference
    from fmask.structures.annotations import Photo, Region

COLUMNS = ("photo", "change", "old_region", "old_class", "new_region", "new_class", "iou")
LISTED = 20
"""Largest number of changes that are printed."""


@app.command(rich_help_panel=DATA)
def diff(
    old: Annotated[Path, typer.Argument(help="A data set, the folder of one split, or an annotation file.")],
    new: Annotated[Path, typer.Argument(help="The same photos with other annotations, in any format that is read.")],
    photos: PhotoFolder = None,
    attribute: Attribute = None,
    empty_photos: EmptyPhotos = "leave_out",
    csv: Annotated[Path | None, typer.Option(help="Write all changes to this CSV file.")] = None,
) -> None:
    """Compare two annotations of the same photos.

    Counts the regions that were added or removed, or whose class or outline changed, and lists the changes by photo.
    The class of a region that is ignored in only one of the two counts as changed. Photos are compared by name.

    Only one of the two needs its photos: an annotation file in a folder without photos is read with those of the other
    one.

    Exit status: 0 without changes, 1 with changes.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from fmask.data.differences import Change, compare
    from fmask.utils.errors import printable
    from fmask.utils.files import check_folder, write_text

    if csv:
        check_folder(csv)
    options = read_options(attribute, None, empty_photos)
    before, after = _read(old, new, photos, options), _read(new, old, photos, options)
    try:
        found = compare(before, after)
    except ValueError as error:
        raise UserError(f"{old} and {new} are not annotations of the same photos: {error}.") from error
    if csv:
        write_text(_as_csv(found), csv)
    console = Console(highlight=False)
    counts = Counter(each.change for each in found)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for head in ("change", "regions", "photos"):
        table.add_column(head, justify="left" if head == "change" else "right")
    for change in Change:
        if change not in (Change.PHOTO_ADDED, Change.PHOTO_REMOVED):
            in_photos = len({each.photo for each in found if each.change is change})
            table.add_row(str(change), str(counts[change]), str(in_photos))
    console.print(table)
    console.print(
        f"\n{_count(before)} in {old}, {_count(after)} in {new}; photos added: {counts[Change.PHOTO_ADDED]}, removed: "
        f"{counts[Change.PHOTO_REMOVED]}.",
        soft_wrap=True,
        markup=False,
    )
    for each in found[:LISTED]:
        console.print(printable(f"{each.photo}: {_describe(each)}"), markup=False, soft_wrap=True)
    if len(found) > LISTED:
        rest = f"and {len(found) - LISTED} more"
        console.print(f"{rest}, in {csv}" if csv else f"{rest}; --csv FILE writes all of them")
    if found:
        raise typer.Exit(1)


def _read(path: Path, other: Path, photos: Path | None, options: "ReadOptions") -> "list[Photo]":
    """Read the photos of a data set, a folder or a file; each is named by the split, if any, and its own name.

    Args:
        path: what to read.
        other: the annotations that it is compared with; their folder may have the photos.
        photos: the folder of the photos, if it is given.
        options: how annotation files are read.
    """
    from dataclasses import replace

    from fmask.data.formats.read import find_annotations, read_file
    from fmask.data.splits import split_folders

    if not path.exists():
        raise UserError(
            f"{path} does not exist; expected a data set, a folder with annotations, or an annotation file."
        )
    others = split_folders(other) if other.is_dir() else {}
    found = []
    for name, folder in (split_folders(path) if path.is_dir() else {}).items() or [("", path)]:
        file = find_annotations(folder) if folder.is_dir() else folder
        own = photos / name if photos else folder if folder.is_dir() else folder.parent
        second = others.get(name, other if other.is_dir() else other.parent)
        splits = [read_file(file, own, options)]
        if second.is_dir() and second != own:
            with suppress(UserError):  # YOLO text files, for example, are read beside their own data.yaml alone
                splits.append(read_file(file, second, options))
        best = max(splits, key=lambda split: len(split.photos))
        found += [replace(photo, listed=f"{name}/{photo.name}" if name else photo.name) for photo in best.photos]
    if not found:
        raise UserError(f"{path} lists no usable photo; --photos FOLDER names the folder of the photos.")
    return found


def _count(photos: "Sequence[Photo]") -> str:
    return f"{sum(len(photo.regions) for photo in photos)} regions in {len(photos)} photos"


def _describe(each: "Difference") -> str:
    if each.old is None and each.new is None:
        return str(each.change)
    old, new = (f"{_label(region)} (region {region.index})" if region else "" for region in (each.old, each.new))
    iou = "" if each.iou is None else f", IoU {each.iou:.2f}"
    return f"{each.change}: {' to '.join(part for part in (old, new) if part)}{iou}"


def _label(region: "Region") -> str:
    return f"{region.label or 'no class'}{', ignored' if region.ignore and region.label else ''}"


def _as_csv(found: "Sequence[Difference]") -> str:
    text = io.StringIO()
    lines = csv_module.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in found:
        cells = [
            cell for region in (each.old, each.new) for cell in ((region.index, _label(region)) if region else ("", ""))
        ]
        lines.writerow([each.photo, each.change, *cells, "" if each.iou is None else f"{each.iou:.4f}"])
    return text.getvalue()
