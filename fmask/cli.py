"""The `fmask` command."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.errors import UserError

app = typer.Typer(
    help="Find and segment worn face masks and hats.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
install_app = typer.Typer(help="Fetch photos and weights, once, with their digests checked.", no_args_is_help=True)
app.add_typer(install_app, name="install")


def main() -> None:
    """Run the command; a `UserError` becomes one line and exit status 2."""
    try:
        app()
    except UserError as error:
        print(f"fmask: {error}", file=sys.stderr)
        sys.exit(2)


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
    fit: Annotated[int, typer.Option(help="Longer side of a photo in pixels, as in training.")] = 192,
) -> None:
    """Propose anchor scales and ratios for a data set's objects, by k-means, and say how well they cover them."""
    from rich.console import Console

    from fmask.data.anchors import fit_anchors, print_anchors
    from fmask.data.photos import read_dataset

    dataset = read_dataset(folder, folder.name)
    if "train" not in dataset.splits:
        raise UserError(f"{folder} has no folder train.")
    print_anchors(fit_anchors(dataset.splits["train"].photos, fit), Console())


@app.command()
def table(
    study: Annotated[
        str | None, typer.Argument(help="MLflow experiment, by default fmask: the `study` of runs.")
    ] = None,
    from_file: Annotated[Path | None, typer.Option("--from", help="Take the runs from a file of --save-runs.")] = None,
    data: Annotated[str | None, typer.Option(help="Only runs on this data: NAME, or NAME@DIGEST.")] = None,
    confidence: Annotated[Literal["0.5", "0.9"], typer.Option(help="Detections scored lower do not count.")] = "0.9",
    against: Annotated[int, typer.Option(help="Number of the row that the others are compared with.")] = 1,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table's numbers.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw accuracy by row (.png, .svg, .pdf).")] = None,
    save_runs: Annotated[Path | None, typer.Option(help="Write each object's fate in each run, for --from.")] = None,
) -> None:
    """Put a study's runs in one table: a row a setting, seeds pooled, with intervals and exact tests."""
    from rich.console import Console

    from fmask import studies

    if study and from_file:
        raise UserError(f"Give one of the two: MLflow's study {study!r}, or the one in {from_file}.")
    runs = studies.read_runs(from_file) if from_file else studies.collect(study or "fmask")
    if save_runs:
        studies.write_runs(runs, save_runs)
    made = studies.tabulate(runs, float(confidence), against, data)
    if markdown:
        studies.write_text(studies.as_markdown(made), markdown)
    if csv:
        studies.write_text(studies.as_csv(made), csv)
    if figure:
        studies.save(studies.draw(made), figure)
    studies.show(made, Console())


@install_app.command("coco")
def install_coco() -> None:
    """Fetch matterport's Mask R-CNN trained on COCO (258 MB) into data/, for weights=coco.

    Run it again after an interruption: it goes on where it stopped.
    """
    from fmask.pretrained import install_coco

    print(f"The COCO weights are in {install_coco()}; weights=coco takes them, and recipe=report is the default now.")


@install_app.command("imagenet")
def install_imagenet(
    backbone: Annotated[str, typer.Argument(help="resnet50 or resnet101")] = "resnet50",
) -> None:
    """Fetch a backbone trained on ImageNet, as keras.applications has it, for weights=imagenet."""
    from fmask.pretrained import install_imagenet

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
    from fmask.data.photos import BASE_URL, install

    install(to, base_url or BASE_URL)
    print(f"The photos are in {to}; `fmask check {to}` tells what they hold.")
