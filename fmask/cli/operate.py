"""The command `fmask operate`."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fmask.cli.app import USE, app
from fmask.cli.options import Runtime, Threads
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fmask.structures.operating_point import OperatingPoint
    from fmask.tracking import RunInfo


@app.command(rich_help_panel=USE)
def operate(
    run: Annotated[str, typer.Argument(help="The run: its id or its first characters, latest, or best.")],
    aim: Annotated[
        str,
        typer.Option(
            help="accuracy: the most objects found; precision=0.95: at least this share of detections is right; "
            "false_alarms=2: at most this number of spurious detections in 100 photos."
        ),
    ] = "accuracy",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the tables, and store nothing.")] = False,
    runtime: Runtime = None,
    threads: Threads = 0,
) -> None:
    """Choose which detections of a model count, and calibrate its scores.

    Each class gets a threshold, the lowest score that counts, chosen on the validation photos of the run for --aim.
    The scores are calibrated on the same photos: to the probability that a detection is right. Prints the outcomes and
    the calibration error on the validation photos, and on the test photos, which are not used for the choice.

    The choice is stored in the run: in its weights, its ONNX file and its MLflow model. detect, splash, watch and
    served models then use it unless a confidence is given; `fmask show` prints it. Each training chooses an operating
    point for accuracy at its end. Scores at fixed confidences do not change.
    """
    from rich.console import Console

    from fmask import tracking
    from fmask.evaluation.operating_point import Aim
    from fmask.evaluation.operating_report import choose_and_log

    chosen, console = Aim.parse(aim), Console(highlight=False)
    if run.startswith("models:/") or (Path(run).exists() and not tracking.is_run_reference(run)):
        raise UserError(
            f"{run} is not a run; thresholds are chosen on the validation photos of the run, so give the id of the run "
            "that trained it."
        )
    found = tracking.find_run(run)
    if found.status != "FINISHED":
        raise UserError(f"The run {found.id} ({found.name}) has not finished: its status is {found.status}.")
    names = ["val"] + ["test"] * ("test" in found.datasets)
    splits = {name: _scored(found, name, runtime, threads, console) for name in names}
    log = _Artifacts()
    point, tables = choose_and_log(log, splits, chosen)
    console.print(*tables)
    if dry_run:
        return
    _store(found, point)
    log.send(found)
    print(f"Stored in run {found.id[:8]}; detect, splash, watch and served models use it unless a confidence is given.")


class _Artifacts:
    """Artifacts that are kept until the network has been stored, and then logged."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._figures: dict[str, Figure] = {}

    def log_json(self, value: Any, path: str) -> None:
        self._texts[path] = json.dumps(value, indent=2, ensure_ascii=False) + "\n"

    def log_figure(self, figure: "Figure", path: str) -> None:
        self._figures[path] = figure

    def send(self, run: "RunInfo") -> None:
        from fmask import tracking

        for path, text in self._texts.items():
            tracking.add_text(run, text, path)
        for path, figure in self._figures.items():
            tracking.log_figure(run, figure, path)


def _scored(run: "RunInfo", split: str, runtime: Any, threads: int, console: Any) -> Any:
    """Predict the photos of a split of the run."""
    from fmask.evaluation.average_precision import average_precision
    from fmask.evaluation.operating_report import Scored
    from fmask.report.photos import PhotosUnavailable, predict_again

    try:
        predicted = predict_again(run, console, split, runtime, threads)
    except PhotosUnavailable as reason:
        raise UserError(f"An operating point needs the {split} photos of the run: {reason}") from reason
    matches = average_precision(predicted.photos, predicted.detections).matches
    return Scored(predicted.photos, predicted.detections, matches)


def _store(run: "RunInfo", point: "OperatingPoint") -> None:
    """Write the operating point into the files of the run's network."""
    from fmask import tracking
    from fmask.model.weights.exported import exported_file
    from fmask.model.weights.rewriting import write_exported, write_operating_point

    old = tracking.download_weights(run.id)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, old.name)]
        write_operating_point(old, files[0], point)
        if exported := exported_file(old):
            files.append(Path(folder, exported.name))
            write_exported(exported, files[1], point, files[0])
        tracking.replace_network(run, old, files)
