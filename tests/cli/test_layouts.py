"""Data sets of other people, of any classes and in five layouts, go from `fmask new` to a served model.

With FMASK_LOAD=1, each layout is tested with 1, 4 and 10 classes and with a sweep, which takes half an hour.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from typer.testing import CliRunner

from fmask import cli, tracking
from fmask.inference.description import network_classes
from fmask.inference.load import find_model_file
from tests.helpers.own_data import LAYOUTS

LOAD = bool(os.environ.get("FMASK_LOAD"))
NAMES = [f"kind {number:02d} (a/b)" for number in range(10)]
CELLS = [(layout, count) for layout in LAYOUTS for count in (1, 4, 10)] if LOAD else [("roboflow", 10)]
SMOKE = ("experiment=smoke", "onnx=false", "min_confidence=0", "epochs=1", "steps=1", "val_steps=0", "study=own")
pytestmark = pytest.mark.usefixtures("eagerly")


def ran(*arguments: str) -> str:
    """Run a command of fmask and return its output; it must succeed."""
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.exception or result.output
    return result.output


@pytest.mark.parametrize(("layout", "count"), CELLS)
def test_a_layout_is_trained_on_scored_exported_and_served(store: Path, layout: str, count: int) -> None:
    classes = NAMES[:count]
    LAYOUTS[layout](Path("site"), classes)
    _look_at_it(classes, boxes=layout == "roboflow")
    run_id = _train(classes)
    test = next(path for path in (Path("site/test"), Path("site/images/test")) if path.is_dir())
    assert "test at 0" in ran("evaluate", run_id, "site", "--min-confidence", "0")
    for format, name in (("csv", "found.csv"), ("coco", "found.json")):
        ran("detect", run_id, str(test), "--min-confidence", "0", "--format", format, "-o", name)
    categories = json.loads(Path("found.json").read_text())["categories"]
    assert [each["name"] for each in categories] == classes
    found = {line.split(",")[1] for line in Path("found.csv").read_text().splitlines()[1:]}
    assert found
    assert found <= set(classes)
    ran("splash", run_id, str(test / "0.png"), "--class", classes[0], "--labels", "-o", "splash.png")
    ran("report", run_id, "-o", "page.html")
    page = Path("page.html").read_text()
    assert all(f"<option>{name}</option>" in page for name in classes)
    if LOAD:
        _export_and_serve(run_id, test, classes)
        _sweep()
    assert "own" in ran("table", "own")


def _look_at_it(classes: list[str], boxes: bool) -> None:
    """Make the folder a data set, and check it."""
    shown = ran("new", "site")
    for class_id, label in enumerate(classes, start=1):
        assert f"class {class_id}, {label}" in shown
    assert "fmask train data=site" in shown
    objects = 9 * len(classes)
    note = f"Note: {objects} of {objects} objects have a box and no outline: they are matched by boxes"
    assert (note in shown) == boxes
    assert ("boxes: true" in Path("conf/data/site.yaml").read_text()) == boxes
    ran("check", "site")


def _train(classes: list[str]) -> str:
    from fmask.training.train import train

    run = train([*SMOKE, "data=site"])
    assert json.loads(tracking.find_run(run.run_id).params["data.classes"]) == classes
    of_class = {name for name in run.metrics if name.startswith("test/mask_ap50_")}
    assert of_class == {
        f"test/mask_ap50_{name.replace('(', '_').replace(')', '_').replace('/', '_')}" for name in classes
    }
    assert network_classes(find_model_file(run.run_id)) == (tuple(classes), {})
    assert ", ".join(classes)[:40] in ran("show", run.run_id).replace("\n", " ")
    return run.run_id


def _export_and_serve(run_id: str, test: Path, classes: list[str]) -> None:
    """Export the network, detect with the file, and load what MLflow serves."""
    ran("export", run_id, "network.onnx")
    ran("detect", "network.onnx", str(test), "--min-confidence", "0", "--format", "csv", "-o", "exported.csv")
    assert {line.split(",")[1] for line in Path("exported.csv").read_text().splitlines()[1:]} <= set(classes)
    rows = mlflow.pyfunc.load_model(f"runs:/{run_id}/model").predict([(test / "0.png").read_bytes()])
    assert set(rows["class"]) <= set(classes)


def _sweep() -> None:
    """Train two seeds as a user would, each in a process of its own."""
    command = [sys.executable, "-m", "fmask", "sweep", "-m", "seed=1,2", *SMOKE, "data=site"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "own" in done.stdout
