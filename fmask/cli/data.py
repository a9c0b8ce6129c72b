"""Commands about data sets and what is installed: check, anchors, install."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import app, install_app
from fmask.utils.errors import UserError


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A data set (train/, val/, test/) or the folder of one split.")],
) -> None:
    """Tell what a data set holds, what is wrong with it, and which photos are in two splits.

    Exit status: 0 where all is well, 1 where there are faults or leaks.
    """
    from rich.console import Console

    from fmask.data.check import check as check_data
    from fmask.data.check import print_report

    report = check_data(folder)
    print_report(report, Console())
    if not report.is_clean:
        raise typer.Exit(1)


@app.command()
def anchors(
    folder: Annotated[Path, typer.Argument(help="A data set (train/, val/, test/); its training photos are measured.")],
    image_size: Annotated[int, typer.Option(min=64, help="Longer side of a photo in pixels, as in training.")] = 192,
) -> None:
    """Propose anchor scales and ratios for a data set's objects, by k-means, and say how well they cover them."""
    from rich.console import Console

    from fmask.data.anchor_fitting import fit_anchors, print_anchors
    from fmask.data.dataset import read_dataset

    dataset = read_dataset(folder, folder.name)
    if "train" not in dataset.splits:
        raise UserError(f"{folder} has no folder train.")
    print_anchors(fit_anchors(dataset.splits["train"].photos, image_size), Console())


@install_app.command("coco")
def install_coco() -> None:
    """Fetch matterport's Mask R-CNN trained on COCO (258 MB) into data/, for weights=coco.

    Run it again after an interruption: it goes on where it stopped.
    """
    from fmask.model.weights.pretrained import install_coco

    print(f"The COCO weights are in {install_coco()}; weights=coco takes them, and recipe=report is the default now.")


@install_app.command("imagenet")
def install_imagenet(
    backbone: Annotated[str, typer.Argument(help="resnet50 or resnet101")] = "resnet50",
) -> None:
    """Fetch a backbone trained on ImageNet, as keras.applications has it, for weights=imagenet."""
    from fmask.model.weights.pretrained import install_imagenet

    print(f"The ImageNet weights are in {install_imagenet(backbone)}; weights=imagenet takes them.")


@install_app.command("photos")
def install_photos(
    to: Annotated[Path, typer.Option(help="Where the photos go.")] = Path("data", "photos"),
    base_url: Annotated[
        str | None, typer.Option(help="Where they come from, if not from where they are published.")
    ] = None,
) -> None:
    """Fetch the photos of the published study (about 500 files) and our outlines of its test photos.

    Run it again after an interruption: what is there already is kept.
    """
    from fmask.data.install import BASE_URL, install

    install(to, base_url or BASE_URL)
    print(f"The photos are in {to}; `fmask check {to}` tells what they hold.")
