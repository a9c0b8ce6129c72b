"""The command `fmask convert`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import Attribute, EmptyPhotos, Map, Overwrite, PhotoFolder, check_output, read_options


@app.command(rich_help_panel=DATA)
def convert(
    source: Annotated[Path, typer.Argument(help="Annotations in any format that is read: a file, or a folder.")],
    target: Annotated[
        Path, typer.Argument(help="The file to write; with --to yolo or labelme, the folder to write to.")
    ],
    to: Annotated[
        Literal["coco", "via", "yolo", "labelme"] | None,
        typer.Option(
            "--to",
            help="Format to write. Default: coco if SOURCE is a VIA file, and via otherwise. With yolo, photos are "
            "copied, and regions to ignore are left out.",
        ),
    ] = None,
    photos: PhotoFolder = None,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
    overwrite: Overwrite = False,
) -> None:
    """Convert annotations to COCO, VIA, YOLO segmentation or LabelMe files.

    The photos must be present: COCO files contain their width and height, VIA files their size in bytes.

    Exit status: 0 if everything was converted, 1 if regions or photos were left out, which are listed.
    """
    from rich.console import Console
    from rich.text import Text

    from fmask.data.formats import convert as conversion
    from fmask.data.open import describe_mapped_out
    from fmask.structures.annotations import FAULT_KINDS

    if to not in conversion.FOLDER_FORMATS:
        check_output(target, overwrite)
    options = read_options(attribute, class_map, empty_photos)
    split = conversion.convert(source, target, photos, options, to, overwrite)
    console = Console(stderr=True)
    lost = 0
    for fault in split.faults:
        if not fault.is_note and fault.kind != "unlisted photo":
            effect = FAULT_KINDS[fault.kind]
            lost += effect.endswith("left out")
            region = "" if fault.region is None else f" region {fault.region}"
            console.print(Text(f"{fault.file}{region}: {fault.kind}, {fault.detail}: {effect}"), soft_wrap=True)
    if note := describe_mapped_out([split]):
        console.print(Text(note), soft_wrap=True)
    regions = sum(len(photo.regions) for photo in split.photos)
    if to == "yolo" and (ignored := regions - split.objects):
        note = f"regions to ignore, left out: {ignored}; in YOLO files, what shows them is background"
        console.print(Text(note), soft_wrap=True)
        lost += ignored
        regions -= ignored
    empty = f", {split.empty} of them without objects" if split.empty else ""
    print(f"{target}: {regions} regions in {len(split.photos)} photos{empty}")
    if lost:
        raise typer.Exit(1)
