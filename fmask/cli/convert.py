"""The command that converts annotations."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app
from fmask.cli.options import Categories, check_target, read_categories


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="VIA or COCO annotations: the JSON file, or a folder with it.")],
    target: Annotated[Path, typer.Argument(help="The file to write: COCO's for VIA's, VIA's for COCO's.")],
    photos: Annotated[
        Path | None, typer.Option(help="Folder that the file names count from, by default SOURCE's.")
    ] = None,
    category: Categories = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace TARGET if it is there.")] = False,
) -> None:
    """Convert VIA annotations to COCO instances, or COCO instances to a VIA export.

    The photos are needed: COCO files hold their sizes, VIA files their bytes. Exit status: 0 where all went over, 1
    where a region or photo was left out, which is told.
    """
    from rich.console import Console
    from rich.text import Text

    from fmask.data.formats import convert as conversion
    from fmask.structures.annotations import FAULT_KINDS

    check_target(target, overwrite)
    split = conversion.convert(source, target, photos, read_categories(category or []))
    console = Console(stderr=True)
    lost = 0
    for fault in split.faults:
        if not fault.is_note and fault.kind != "unlisted photo":
            what = FAULT_KINDS[fault.kind]
            lost += what.endswith("left out")
            region = "" if fault.region is None else f" region {fault.region}"
            console.print(Text(f"{fault.file}{region}: {fault.kind}, {fault.detail}: {what}"), soft_wrap=True)
    regions = sum(len(photo.regions) for photo in split.photos)
    print(f"{target}: {regions} regions in {len(split.photos)} photos")
    if lost:
        raise typer.Exit(1)
