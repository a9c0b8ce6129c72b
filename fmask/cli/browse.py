"""The command `fmask browse`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fmask.cli.app import DATA, app
from fmask.cli.options import (
    Attribute,
    EmptyPhotos,
    Map,
    Threads,
    check_confidence,
    check_page,
    read_options,
    refuse_options,
)
from fmask.cli.report import is_run
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.report.browse import Page

IMAGE_SIZE = 192
"""Longer side of photos in pixels at which the objects of a data set are measured."""


@app.command(rich_help_panel=DATA)
def browse(
    name: Annotated[
        str,
        typer.Argument(
            help="A data set (a folder with train/, val/ and test/), the folder of one split, or a run: its id or its "
            "first characters, latest or best.",
            metavar="DATA|RUN",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            help="The split to show: train, val or test. Default: all of a data set; the test photos of a run, or val "
            "if it has none."
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            help="Of a run: ignore detections with a lower score, from 0 to 1. Default: the min_confidence of the run.",
            callback=check_confidence,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("browse.html"),
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    image_size: Annotated[
        int | None,
        typer.Option(
            min=64,
            help="Of a data set: longer side of a photo in pixels at which objects are small, medium or large, as the "
            f"setting image_size in training. Default: {IMAGE_SIZE}.",
        ),
    ] = None,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
    runtime: Annotated[
        Literal["onnx", "keras"] | None,
        typer.Option(
            help="Of a run: what computes the network. onnx (ONNX Runtime) starts sooner but may change outcomes. "
            "Default: keras, which computed the scores of the run."
        ),
    ] = None,
    threads: Threads = 0,
) -> None:
    """Write one HTML page to browse the photos of a data set or a run.

    The page shows all photos with their outlines. It filters them by class, by size and outcome of the objects, by
    split and by name, sorts them, and opens a photo with its objects. It is one file that loads nothing.

    Of a data set, it shows the annotations, the regions to ignore and the faults. Of a run, the model predicts the
    photos again, and the page shows annotations and detections, the worst photos first.
    """
    from rich.console import Console

    check_page(output)
    console = Console(highlight=False)
    of_run = {
        "--min-confidence": min_confidence is not None,
        "--runtime": runtime is not None,
        "--threads": threads > 0,
    }
    of_data = {
        "--image-size": image_size is not None,
        "--attribute": attribute is not None,
        "--map": class_map is not None,
        "--empty-photos": empty_photos != "leave_out",
    }
    if Path(name).is_dir():
        refuse_options(of_run, f"{name} is a data set")
        page = _of_data(Path(name), split, image_size, read_options(attribute, class_map, empty_photos), console)
    elif is_run(name):
        refuse_options(of_data, f"{name} is a run")
        page = _of_run(name, split, min_confidence, runtime, threads, console)
    else:
        raise UserError(f"{name} is neither a folder of photos nor a run; `fmask runs` lists the runs.")
    _write(page, output, open_page)


def _of_data(folder: Path, split: str | None, image_size: int | None, options: Any, console: Any) -> "Page":
    from fmask.report.browse import browse_dataset

    return browse_dataset(folder, split, image_size or IMAGE_SIZE, console, options)


def _of_run(
    name: str, split: str | None, min_confidence: float | None, runtime: Any, threads: int, console: Any
) -> "Page":
    from fmask import tracking
    from fmask.report.browse import browse_run
    from fmask.report.photos import PhotosUnavailable, predict_again

    if split not in (None, "val", "test"):
        raise UserError(f"--split must be val or test, not {split!r}: a run is not scored on other photos.")
    run = tracking.find_run(name)
    chosen = split or ("val" if "test" not in run.datasets and "val" in run.datasets else "test")
    if min_confidence is None:
        min_confidence = float(run.params.get("min_confidence", 0.5))
    try:
        predicted = predict_again(run, console, chosen, runtime or "keras", threads)
    except PhotosUnavailable as reason:
        raise UserError(f"{reason} `fmask browse FOLDER` shows photos without detections.") from reason
    return browse_run(run, predicted, chosen, min_confidence, console)


def _write(page: "Page", output: Path, open_page: bool) -> None:
    from fmask.utils.files import write_text

    write_text(page.html, output)
    megabytes = output.stat().st_size / 1e6
    photos = f"{page.photos} photo{'' if page.photos == 1 else 's'}"
    print(f"{output} shows {photos} ({megabytes:.1f} MB).")
    if open_page:
        import webbrowser

        if not webbrowser.open(output.resolve().as_uri()):
            print(f"No browser was found; open {output} yourself.")
