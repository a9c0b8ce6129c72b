"""The command `fmask new`."""

from collections import Counter
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import Attribute, EmptyPhotos, Map, Overwrite, read_options
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from fmask.data.dataset import Dataset


@app.command(rich_help_panel=DATA)
def new(
    folder: Annotated[
        Path, typer.Argument(help="A data set: a folder with train/, val/ and test/, or a folder of annotated photos.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the data set, for data=NAME. Default: that of the folder.")
    ] = None,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
    overwrite: Overwrite = False,
) -> None:
    """Make a folder of annotated photos a data set that `fmask train data=NAME` uses.

    Prints the classes, the number of objects of each class in each split, the kinds of faults, the image size and the
    anchors that suit the objects, and which differences between settings the test objects can show.

    Writes conf/data/NAME.yaml below the working directory, where fmask finds it: class names in the order of their ids,
    the folder, and how the annotations are read.
    """
    from rich.console import Console

    from fmask.config.compose import conf_folder
    from fmask.config.user_conf import data_group_file, write_data_group
    from fmask.data.dataset import read_dataset
    from fmask.data.open import NEEDED, classes_with_few_objects, describe_boxes, describe_mapped_out

    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; expected one of annotated photos, or with train/, val/ and test/.")
    file = data_group_file(conf_folder(), name or folder.resolve().name, overwrite)
    options = read_options(attribute, class_map, empty_photos)
    dataset = read_dataset(folder, file.stem, options)
    if not dataset.classes:
        raise UserError(f"{folder} has no labelled region, so that there are no classes to learn.")
    console = Console(highlight=False)
    console.print(_counts(dataset))
    notes = [
        *_faults(dataset),
        describe_mapped_out(dataset.splits.values()),
        f"Note: {boxes}; see `boxes` in {file}." if (boxes := describe_boxes(dataset.splits.values())) else None,
        classes_with_few_objects(dataset),
        *_image_size_and_anchors(dataset),
        _difference(dataset),
    ]
    for note in filter(None, notes):
        console.print(note, soft_wrap=True, markup=False)
    attributes = {split.attribute for split in dataset.splits.values()}
    found = read_options(attributes.pop() if len(attributes) == 1 else attribute, class_map, empty_photos)
    write_data_group(
        file, folder, found, dataset.classes, bool(boxes), [f"Written by `fmask new {folder}`; edit it as you like."]
    )
    missing = [split for split in NEEDED if split not in dataset.splits]
    console.print(f"{file} is written; next:", soft_wrap=True, markup=False)
    for line in (
        f"  fmask check {quote(str(folder))}",
        f"  fmask train data={file.stem}" + (" fold=1   # there is no " + " and no ".join(missing) if missing else ""),
    ):
        console.print(line, soft_wrap=True, markup=False)


def _counts(dataset: "Dataset") -> "Table":
    """Return the annotations of each split, and the numbers of photos and of the objects of each class."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from fmask.data.formats.find import find_annotations

    table = Table("", *dataset.splits, box=box.SIMPLE_HEAD, show_edge=False)
    splits = dataset.splits.values()
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("annotations", *(Text(find_annotations(split.folder).name, overflow="fold") for split in splits))
    if any(split.attribute for split in splits):
        table.add_row("  attribute", *(Text(split.attribute or "-") for split in splits))
    table.add_row("photos", *(str(len(split.photos)) for split in splits))
    table.add_row("  without objects", *(str(split.empty) for split in splits))
    table.add_row("  left out", *(str(split.left_out) for split in splits), end_section=True)
    counts = [split.objects_of() for split in splits]
    for class_id, label in enumerate(dataset.classes, start=1):
        table.add_row(Text(f"class {class_id}, {label}"), *(str(each[label]) for each in counts))
    return table


def _faults(dataset: "Dataset") -> list[str]:
    """Return the number of faults of each kind, on one line."""
    faults = [fault for split in dataset.splits.values() for fault in split.faults if not fault.is_note]
    if not faults:
        return []
    kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(fault.kind for fault in faults).most_common())
    return [f"Faults: {kinds}; `fmask check` lists them."]


def _image_size_and_anchors(dataset: "Dataset") -> list[str]:
    """Return what suits the training objects; nothing without any."""
    from fmask.data.advice import SIZES, suitable_image_size
    from fmask.data.anchor_fitting import as_overrides, fit_anchors

    photos = dataset.splits["train"].photos if "train" in dataset.splits else ()
    suitable = suitable_image_size(photos)
    if suitable is None:
        return []
    other = (
        ""
        if suitable.size == SIZES[0]
        else f"; at image_size={SIZES[0]} of recipe=transfer, {suitable.side_at_first:.0f} px"
    )
    lines = [
        f"image_size={suitable.size} suits the objects: half of the smallest class, {suitable.smallest}, have "
        f"{suitable.side:.0f} px or more{other}."
    ]
    try:
        fitted = fit_anchors(photos, suitable.size)
    except UserError:  # fewer objects than anchors
        return lines
    return [*lines, f"Anchors that fit at this size: {as_overrides(fitted)} (mean IoU {fitted.coverage:.2f})."]


def _difference(dataset: "Dataset") -> str:
    """Return which differences between two settings the objects can show; an empty text without objects."""
    from fmask.data.advice import discernible_difference

    every = sum(split.objects for split in dataset.splits.values())
    tested = dataset.splits["test"].objects if "test" in dataset.splits else 0
    if not every:
        return ""
    folds = f"{every} objects, each tested once in folds (fold=1,2,3,4,5)"
    of_all = f"{discernible_difference(every):.2f}"
    if not tested:
        return f"All {folds}, can show differences in accuracy of about {of_all} between two settings."
    return (
        f"{tested} test objects can show differences in accuracy of about {discernible_difference(tested):.2f} between "
        f"two settings; all {folds}, of about {of_all}."
    )
