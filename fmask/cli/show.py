"""The command `fmask show`."""

from pathlib import Path
from typing import TYPE_CHECKING

from fmask.cli.app import USE, app
from fmask.cli.options import Model
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from fmask.structures.operating_point import OperatingPoint
    from fmask.tracking import RunInfo


@app.command(rich_help_panel=USE)
def show(model: Model) -> None:
    """Print the classes, input size, operating point, settings and training run of a model.

    The model is not loaded. For an ONNX file, the meaning of its inputs and outputs is printed too.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fmask import tracking
    from fmask.inference.description import describe_network
    from fmask.inference.load import find_model_file

    found = describe_network(find_model_file(model))
    is_run = not (Path(model).exists() or model.startswith("models:/"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "file": f"{found.file} ({found.bytes / 2**20:.1f} MB, {found.kind})",
        "sha256": found.sha256,
        "classes": ", ".join(found.classes),
        **(
            {"hierarchy": "; ".join(f"{name}: {', '.join(own)}" for name, own in found.hierarchy.items())}
            if found.hierarchy
            else {}
        ),
        "backbone": found.backbone,
        "image_size": f"{found.image_size} px, the longer side of a photo",
        "antialias": str(found.antialias).lower(),
        **_operating_rows(found.operating_point),
        **_run_rows(tracking.find_run(model).id if is_run else found.run),
        **{key: str(value) for key, value in tracking.flatten(found.settings).items()},
        **found.conventions,
    }
    for key, value in rows.items():
        table.add_row(key, escape(value))
    Console(highlight=False).print(table)


def _operating_rows(point: "OperatingPoint | None") -> dict[str, str]:
    """Return the operating point of the model, and on what it was chosen."""
    if point is None:
        return {"operating point": "none: detections count from a score of 0.5"}
    limits = ", ".join(
        f"no {name}" if limit > 1 else f"{name} from {limit:.3g}" for name, limit in point.thresholds.items()
    )
    slope, intercept = point.calibration.slope, point.calibration.intercept
    return {
        "operating point": f"{limits}; for {point.aim}, on {point.objects} objects in {point.photos} photos",
        "calibration": f"log-odds of being right = {slope:.3g} x log-odds of the score {'-' if intercept < 0 else '+'} "
        f"{abs(intercept):.3g}",
    }


def _run_rows(run_id: str | None) -> dict[str, str]:
    """Return facts about the run that trained the model; only its id if the store does not have it."""
    from fmask import tracking

    if run_id is None:
        return {"run": "not recorded"}
    try:
        return _facts(tracking.find_run(run_id))
    except UserError:
        return {"run": f"{run_id}, which is not in the MLflow store"}


def _facts(run: "RunInfo") -> dict[str, str]:
    score = run.metrics.get("val/mask_ap50")
    return {
        "run": f"{run.id} ({run.name})",
        "study": run.experiment,
        "trained": f"{run.started:%Y-%m-%d %H:%M}, {run.status}",
        "data": ", ".join(f"{split} {name}" for split, name in sorted(run.datasets.items())) or "not recorded",
        **({} if score is None else {"val mask AP50": f"{score:.3f}"}),
    }
