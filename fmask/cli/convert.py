"""The command `fmask convert`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import Attribute, Categories, EmptyPhotos, Overwrite, PhotoFolder, check_output, read_options
from fmask.data.config import ATTRIBUTE


@app.command(rich_help_panel=DATA)
def convert(
    source: Annotated[Path, typer.Argument(help="VIA or COCO annotations: a JSON file, or a folder that contains it.")],
    target: Annotated[Path, typer.Argument(help="The file to write: COCO if SOURCE is VIA, and VIA if it is COCO.")],
    photos: PhotoFolder = None,
    attribute: Attribute = ATTRIBUTE,
    category: Categories = None,
    empty_photos: EmptyPhotos = "leave_out",
    overwrite: Overwrite = False,
) -> None:
    """Convert annotations from VIA to COCO or from COCO to VIA.

    The photos must be present: COCO files contain their width and height, VIA files their size in bytes.

    Exit status: 0 if everything was converted, 1 if regions or photos were left out, which are listed.
    """
    from rich.console import Console
    from rich.text import Text

    from fmask.data.formats import convert as conversion
    from fmask.structures.annotations import FAULT_KINDS

    check_output(target, overwrite)
    split = conversion.convert(source, target, photos, read_options(attribute, category, empty_photos))
    console = Console(stderr=True)
    lost = 0
    for fault in split.faults:
        if not fault.is_note and fault.kind != "unlisted photo":
            effect = FAULT_KINDS[fault.kind]
            lost += effect.endswith("left out")
            region = "" if fault.region is None else f" region {fault.region}"
            console.print(Text(f"{fault.file}{region}: {fault.kind}, {fault.detail}: {effect}"), soft_wrap=True)
    regions = sum(len(photo.regions) for photo in split.photos)
    empty = f", {split.empty} of them without objects" if split.empty else ""
    print(f"{target}: {regions} regions in {len(split.photos)} photos{empty}")
    if lost:
        raise typer.Exit(1)
