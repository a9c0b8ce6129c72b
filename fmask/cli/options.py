"""Arguments and options that several commands share, and the checks of their values."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from fmask.data.class_map import read_map
from fmask.data.config import ReadOptions
from fmask.inference.load import KINDS
from fmask.structures.hierarchy import Hierarchy
from fmask.utils.errors import UserError
from fmask.utils.files import check_folder


def check_confidence(value: float | None) -> float | None:
    """Return a value of `--min-confidence` from 0 to 1.

    Raises:
        UserError: the value is another one.
    """
    if value is not None and not 0 <= value <= 1:  # also refuses NaN, which Typer's own ranges accept
        raise UserError(f"--min-confidence must be between 0 and 1, not {value:g}.")
    return value


def _check_margin(value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise UserError(f"--margin must be between 0 and 1, not {value:g}.")
    return value


Model = Annotated[str, typer.Argument(help=f"The trained model: {KINDS}.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="For a weight file of matterport's own code: a setting of its network, such as recipe=report, "
        "backbone=resnet101 or image_size=1024. Can be repeated. Other files contain their settings.",
    ),
]
Confidence = Annotated[
    float,
    typer.Option(
        "--min-confidence", help="Ignore detections with a lower score, from 0 to 1.", callback=check_confidence
    ),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        help="Ignore detections with a lower score, from 0 to 1. Default: the thresholds of the model's operating "
        "point, which `fmask show` prints, or 0.5 if it has none.",
        callback=check_confidence,
    ),
]
Runtime = Annotated[
    Literal["onnx", "keras"] | None,
    typer.Option(
        "--runtime",
        help="What computes the network: onnx (ONNX Runtime) starts within a second. Default: onnx if the model has an "
        "ONNX file, as finished runs have, else keras.",
    ),
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="MODEL",
        help="A further model of the same classes, which detects together with the first: what they find is fused. "
        "Can be repeated.",
    ),
]
Views = Annotated[
    list[str] | None,
    typer.Option(
        "--view",
        metavar="mirrored|smaller",
        help="A further view of each photo that the models see: mirrored, or smaller in a black frame. What is found "
        "in it is fused. Can be repeated; each view takes as long as the photo itself.",
    ),
]
Threads = Annotated[int, typer.Option("--threads", min=0, max=1024, help="Processor threads to use; 0 uses all.")]
Frames = Annotated[int | None, typer.Option(min=1, help="Stop a video or a camera after this many frames.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it exists.")]
PhotoFolder = Annotated[
    Path | None,
    typer.Option(
        "--photos", help="Folder to which the file names in an annotation file are relative. Default: its own folder."
    ),
]
Map = Annotated[
    str | None,
    typer.Option(
        "--map",
        help="Class of each name in the annotations that is called otherwise, as the setting data.map: "
        '"{hard hat: hat, person: null}"; null leaves its regions out, as if they were not annotated.',
    ),
]
Attribute = Annotated[
    str | None,
    typer.Option(
        "--attribute",
        help="The region attribute of VIA files that holds the class. Default: the only one, or the one called fmask.",
    ),
]
EmptyPhotos = Annotated[
    Literal["leave_out", "negative"],
    typer.Option(
        "--empty-photos",
        help="Photos that a VIA or CVAT file lists without regions and without the mark `empty`, and tasks of Label "
        "Studio without annotation: left out, or photos without objects (negative).",
    ),
]
"""`Attribute`, `Map` and `EmptyPhotos` are how annotation files are read: see `read_options`."""
StudyName = Annotated[
    str | None, typer.Argument(help="The setting `study` of the runs, an MLflow experiment. Default: fmask.")
]
RunFiles = Annotated[
    list[Path] | None,
    typer.Option("--from", help="Add the runs in a file written by fmask table --save-runs. Can be repeated."),
]
StudyConfidence = Annotated[
    float | None,
    typer.Option(
        "--confidence",
        help="Ignore detections with a lower score in the table: 0.5, 0.9 or the min_confidence of the runs. Default: "
        "that of the study's plan, or the min_confidence.",
    ),
]
StudyData = Annotated[
    str | None, typer.Option("--data", help="Show only the table of the runs on this data: NAME or NAME@DIGEST.")
]
Margin = Annotated[
    float | None,
    typer.Option(
        "--margin",
        help="Test whether rows differ from the row --against by less than this, such as 0.03: equivalent rows. "
        "Default: the margin of the study's plan.",
        callback=_check_margin,
    ),
]
BaselineRow = Annotated[
    int | None,
    typer.Option(
        "--against",
        help="Number of the table row that the other rows are compared with. Default: the baseline of the study's "
        "plan, or 1.",
    ),
]


def read_options(
    attribute: str | None,
    class_map: str | None,
    empty_photos: str,
    classes: tuple[str, ...] | None = None,
    hierarchy: Hierarchy | None = None,
) -> ReadOptions:
    """Return the options with which annotation files are read, from those of the command line.

    Args:
        attribute: the value of `--attribute`.
        class_map: the value of `--map`.
        empty_photos: the value of `--empty-photos`.
        classes: the classes of a network; None for those in the annotations.
        hierarchy: the parents of these classes; None for no parents.

    Raises:
        UserError: `--map` is not a map, or maps a name to neither a class nor a parent; or `--attribute` is empty.
    """
    mapped = read_map(class_map, classes, "--map", hierarchy or ())
    if attribute is not None and not attribute.strip():
        raise UserError("--attribute is empty; it must name the VIA region attribute that holds the class.")
    return ReadOptions(attribute, mapped, empty_photos, classes, hierarchy or {})


def check_output(file: Path, overwrite: bool) -> None:
    """Check, before any work, that an output file can be written.

    Raises:
        UserError: the file is a folder, its folder does not exist, or it exists and `overwrite` is not set.
    """
    if file.is_dir():
        raise UserError(f"{file} is a folder; expected a file.")
    check_folder(file)
    if file.exists() and not overwrite:
        raise UserError(f"{file} already exists; --overwrite replaces it.")


def check_page(file: Path) -> None:
    """Check the name of an HTML page before the work that it is for.

    Raises:
        UserError: the folder does not exist, or the name has another suffix.
    """
    check_folder(file)
    if file.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{file}: the name of a page must end in .html.")


def refuse_options(options: dict[str, bool], reason: str) -> None:
    """Refuse options without meaning.

    Args:
        options: whether each of them was given.
        reason: why they have no meaning, as in `best is a run`.

    Raises:
        UserError: one was given.
    """
    if given := [option for option, is_given in options.items() if is_given]:
        raise UserError(f"{reason}, for which {given[0]} has no meaning; remove it.")
