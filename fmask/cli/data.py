"""The commands `fmask check`, `fmask anchors` and `fmask install`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import DATA, app, install_app
from fmask.cli.options import Attribute, EmptyPhotos, Map, read_options
from fmask.utils.errors import UserError


@app.command(rich_help_panel=DATA)
def check(
    folder: Annotated[
        Path, typer.Argument(help="A data set (a folder with train/, val/ and test/), or the folder of one split.")
    ],
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
) -> None:
    """Check a data set for faults and for photos that are in two splits.

    Prints the number of photos, of those without objects and of those that are left out, the number of objects, and
    every fault.

    Exit status: 0 if nothing is wrong, 1 if there are faults or shared photos.
    """
    from rich.console import Console

    from fmask.data.check import check as check_data
    from fmask.data.check import print_report

    report = check_data(folder, read_options(attribute, class_map, empty_photos))
    print_report(report, Console())
    if not report.is_clean:
        raise typer.Exit(1)


@app.command(rich_help_panel=DATA)
def anchors(
    folder: Annotated[Path, typer.Argument(help="A data set; the objects of its training photos are measured.")],
    image_size: Annotated[
        int, typer.Option(min=64, help="Longer side of a photo in pixels, as the setting image_size in training.")
    ] = 192,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
) -> None:
    """Fit anchor scales and ratios to the objects of a data set.

    Uses k-means, and prints the mean IoU of the objects with their best anchors.
    """
    from rich.console import Console

    from fmask.data.anchor_fitting import fit_anchors, print_anchors
    from fmask.data.dataset import read_dataset
    from fmask.data.open import describe_mapped_out

    dataset = read_dataset(folder, folder.name, read_options(attribute, class_map, empty_photos))
    if "train" not in dataset.splits:
        raise UserError(f"{folder} has no folder train.")
    if note := describe_mapped_out([dataset.splits["train"]]):
        print(note)
    print_anchors(fit_anchors(dataset.splits["train"].photos, image_size), Console())


@install_app.command("coco")
def install_coco() -> None:
    """Download Matterport's Mask R-CNN weights trained on COCO (258 MB) into data/, for weights=coco.

    An interrupted download resumes when the command is run again.
    """
    from fmask.model.weights.pretrained import install_coco

    print(f"The COCO weights are in {install_coco()}. Use them with weights=coco; recipe=report is the default now.")


@install_app.command("imagenet")
def install_imagenet(
    backbone: Annotated[str, typer.Argument(help="resnet50, resnet101 or mobilenet_v2.")] = "resnet50",
) -> None:
    """Download the ImageNet weights of a backbone from keras.applications, for weights=imagenet."""
    from fmask.model.weights.pretrained import install_imagenet

    print(f"The ImageNet weights are in {install_imagenet(backbone)}. Use them with weights=imagenet.")


@install_app.command("photos")
def install_photos(
    to: Annotated[Path, typer.Option(help="The folder to download the photos to.")] = Path("data", "photos"),
    base_url: Annotated[
        str | None, typer.Option(help="URL to download the photos from. Default: where they were published.")
    ] = None,
) -> None:
    """Download the photos of the published study (about 500 files) and add the annotations of its test photos.

    Files that are already present are kept when the command is run again after an interruption.
    """
    from fmask.data.install import BASE_URL, install

    install(to, base_url or BASE_URL)
    print(f"The photos are in {to}; `fmask check {to}` lists what they contain.")
