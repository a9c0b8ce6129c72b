"""The command `fmask diagnose`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fmask.cli.app import USE, app
from fmask.cli.options import (
    Attribute,
    Confidence,
    EmptyPhotos,
    Map,
    Model,
    PhotoFolder,
    Runtime,
    Settings,
    Threads,
    read_options,
)
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.report.photos import PredictedPhotos

DEFAULT_SPLIT = "val"


@app.command(rich_help_panel=USE)
def diagnose(
    model: Model,
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A data set (a folder with train/, val/ and test/), the folder of one split, or an annotation file. "
            "Default: the photos of the run."
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="The split of the data set or of the run: val or test. Default: val.")
    ] = None,
    min_confidence: Confidence = 0.5,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder for the pictures; files in it are replaced.")
    ] = Path("diagnosis"),
    photos: PhotoFolder = None,
    attribute: Attribute = None,
    class_map: Map = None,
    empty_photos: EmptyPhotos = "leave_out",
    runtime: Runtime = None,
    threads: Threads = 0,
    settings: Settings = None,
) -> None:
    """Show what errors a model makes, and in which photos.

    Prints two tables: AP50 of masks lost by cause (wrong class, wrong outline, both, duplicates, background, missed
    objects), by class and by size; and how many objects are found at --min-confidence, by size and position of the
    object and by size, brightness and number of objects of the photo.

    Writes two pictures: ap_lost.png, and worst_photos.png with annotations beside detections. The weight of a photo is
    the number of its missed objects plus the scores of its wrong and spurious detections.

    Diagnose validation photos. Choices that follow from a diagnosis of test photos fit these photos, so that their
    scores no longer say how well the next network does on new ones.
    """
    from rich.console import Console

    from fmask.report.diagnosis import FIGURE, SHEET, check_output_folder, run_diagnosis

    check_output_folder(output)
    console = Console(highlight=False)
    options = {"--photos": photos, "--attribute": attribute, "--map": class_map, "--set": settings}
    if data is None:
        given = [name for name, value in options.items() if value] + (
            ["--empty-photos"] if empty_photos != "leave_out" else []
        )
        if given:
            raise UserError(
                f"{given[0]} requires photos; give a data set, a folder or an annotation file after the model."
            )
        predicted, name = _of_run(model, split or DEFAULT_SPLIT, runtime, threads, console)
    else:
        read = (attribute, class_map, empty_photos)
        predicted, name = _of_photos(model, data, split, photos, read, settings or (), runtime, threads, console)
    found = run_diagnosis(predicted, name, min_confidence)
    found.show(console)
    found.write(output)
    print(f"{output / FIGURE} shows AP50 lost by cause and class.")
    print(
        f"{output / SHEET} shows the worst of {len(found.worst)} photos with errors."
        if found.worst
        else "No photo has errors at this confidence."
    )


def _of_run(model: str, split: str, runtime: Any, threads: int, console: Any) -> "tuple[PredictedPhotos, str]":
    """Predict photos of the run that trained the model."""
    from fmask import tracking
    from fmask.report.photos import PhotosUnavailable, predict_again

    after = "give a data set, a folder or an annotation file after the model"
    if split not in ("val", "test"):
        raise UserError(f"--split must be val or test, not {split!r}; for other photos, {after}.")
    if Path(model).is_file() or model.startswith("models:/"):
        raise UserError(f"{model} is not a run, whose photos are known; {after}.")
    try:
        return predict_again(tracking.find_run(model), console, split, runtime, threads), split
    except PhotosUnavailable as reason:
        raise UserError(f"{reason} To diagnose other photos, {after}.") from reason


def _of_photos(
    model: str,
    data: Path,
    split: str | None,
    photos: Path | None,
    read: tuple[str | None, str | None, str],
    settings: "list[str] | tuple[()]",
    runtime: Any,
    threads: int,
    console: Any,
) -> "tuple[PredictedPhotos, str]":
    """Predict annotated photos."""
    from rich.progress import track

    from fmask.data.splits import split_folders
    from fmask.evaluation.evaluate import open_split
    from fmask.inference.batched import predict_encoded
    from fmask.inference.description import network_classes
    from fmask.inference.load import find_model_file, load
    from fmask.report.photos import PredictedPhotos

    network = find_model_file(model)
    if split is None and data.is_dir() and split_folders(data):
        split = DEFAULT_SPLIT
    found = open_split(data, split, photos, read_options(*read, *network_classes(network, settings)))
    predictor = load(str(network), settings, runtime, threads)
    paths, hidden = [photo.path for photo in found.photos], not console.is_terminal
    detections = track(
        predict_encoded(predictor, paths), "photos", len(paths), console=console, transient=True, disable=hidden
    )
    return PredictedPhotos(found.photos, list(detections), predictor.image_size), found.name
