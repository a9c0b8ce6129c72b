"""Measure the speed of fmask: python -m benchmarks

Each row is measured in its own process on one thread. The results are written to `results.csv`, `results.md` and
`results.png` beside this file. `python -m benchmarks --only step` measures some rows and keeps the others.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.progress import track

from benchmarks import inputs, network, program, torchvision_
from benchmarks.machine import describe
from benchmarks.report import write

FOLDER = Path(__file__).parent
REPORT = ["recipe=report"]
LARGE = ["recipe=report", "crop_size=1024", "image_size=1024"]
SCRATCH = ["recipe=scratch"]
BOTH = ("fp32", "bf16")


def rows() -> dict[str, tuple[str, Callable[..., Any], dict[str, Any]]]:
    """Return the kind of measurement, the function and its arguments for each row, by the name of the row."""
    table: dict[str, tuple[str, Callable[..., Any], dict[str, Any]]] = {}
    for precision in BOTH:
        in_precision = f"precision={precision}"
        for backbone, batch, objects in (
            ("resnet50", 1, 2),
            ("resnet50", 8, 2),
            ("resnet50", 1, 10),
            ("resnet50", 8, 10),
            ("resnet101", 1, 2),
        ):
            settings = [*REPORT, f"backbone={backbone}", f"batch_size={batch}", in_precision]
            name = f"{backbone}, 128 px, batch {batch}, {objects} objects, {precision}"
            table[name] = "step", network.train_step, {"objects": objects, "times": 12, "overrides": settings}
        table[f"recipe scratch: resnet18, 96 px, batch 8, 2 objects, {precision}"] = (
            "step", network.train_step, {"objects": 2, "times": 12, "overrides": [*SCRATCH, in_precision]},
        )  # fmt: skip
        for proposals in (100, 200, 1000):
            name = f"resnet50, 128 px, {proposals} proposals, {precision}"
            table[name] = "detection", network.detection, {
                "proposals": proposals, "times": 12, "overrides": [*REPORT, in_precision],
            }  # fmt: skip
        for suffix, more in (("", []), (", RPN of 256 channels", ["widths.rpn=256"])):
            table[f"resnet50, 1024 px, 1000 proposals{suffix}, {precision}"] = "detection", network.detection, {
                "proposals": 1000, "times": 3, "overrides": [*LARGE, in_precision, *more],
            }  # fmt: skip
    for side, proposals, settings, times in ((128, 200, REPORT, 12), (1024, 1000, LARGE, 3)):
        table[f"ONNX Runtime: resnet50, {side} px, {proposals} proposals, fp32"] = "detection", network.detection, {
            "proposals": proposals, "times": times, "overrides": [*settings, "precision=fp32"], "onnx": True,
        }  # fmt: skip
    for batch in (1, 8):
        table[f"torchvision: resnet50, 128 px, batch {batch}, 2 objects, fp32"] = (
            "step", torchvision_.train_step, {"batch": batch, "objects": 2, "times": 12},
        )  # fmt: skip
    for side, times in ((128, 12), (1024, 3)):
        table[f"torchvision: resnet50, {side} px, 1000 proposals, fp32"] = (
            "detection", torchvision_.detection, {"side": side, "times": times},
        )  # fmt: skip
    for aug in ("none", "fliplr_clahe"):
        for recipe in ("scratch", "report"):
            table[f"recipe {recipe}, aug={aug}"] = "input", inputs.pipeline, {
                "times": 40, "overrides": [f"recipe={recipe}", f"aug={aug}", "data=${installed_data:}"],
            }  # fmt: skip
    table["train.py --help"] = "answer", program.answer, {"overrides": ["--help"]}
    table["train.py stps=50"] = "answer", program.answer, {"overrides": ["stps=50"]}
    for backbone in ("resnet18", "resnet50"):
        settings = ["recipe=report" if backbone == "resnet50" else "recipe=scratch", f"backbone={backbone}"]
        table[f"to the first training step, {backbone}"] = "start", program.first_step, {"overrides": settings}
    table["MLflow and Hydra, of a run of ten minutes"] = "overhead", program.overhead, {"overrides": ["data=rendered"]}
    return table


def main(
    only: Annotated[
        list[str] | None,
        typer.Option(help="Measure only this kind of row, or rows with this in their name. Can be repeated."),
    ] = None,
    name: Annotated[str, typer.Option(hidden=True, help="Measure this row in this process and print the result.")] = "",
) -> None:
    """Measure the speed of fmask, and write the table and the figure."""
    if name:
        _, measure, settings = rows()[name]
        print(json.dumps(measure(**settings)))
        return
    file = FOLDER / "results.csv"
    kept: dict[str, dict[Any, Any]] = {}
    if file.exists() and only:
        kept = {row["name"]: row for row in pd.read_csv(file).to_dict("records")}
    chosen = [row for row, (kind, *_) in rows().items() if not only or any(o == kind or o in row for o in only)]
    machine = describe()
    for row in track(chosen, "measuring"):
        measured = _in_own_process(row)
        if measured is None:
            print(f"{row}: skipped, torchvision is not installed")
            continue
        kept[row] = {"name": row, "kind": rows()[row][0], **machine, **measured}
        in_order = [kept[each] for each in rows() if each in kept]
        write(pd.DataFrame(in_order), FOLDER)


def _in_own_process(row: str) -> dict[str, Any] | None:
    command = [sys.executable, "-m", "benchmarks", "--name", row]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{row}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    typer.run(main)
