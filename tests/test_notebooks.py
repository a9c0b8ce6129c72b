"""The notebooks run from top to bottom, and are kept with a few small pictures of what they show."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from fmask import tracking

NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))
SETTINGS = 'SETTINGS = ["experiment=smoke"]'
FEWER_STEPS = 'SETTINGS = ["experiment=smoke", "epochs=1", "steps=1", "onnx=false"]'
EAGERLY = "import fmask.utils.backend, tensorflow\ntensorflow.config.run_functions_eagerly(True)"
MAX_SIZE = 200_000
"""Largest size of a notebook in bytes."""


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(name: str, folder: Path, shorter: bool = False) -> Any:
    """Run a notebook in a folder; with `shorter`, with fewer steps and without graphs, whose building takes longest."""
    (file,) = (file for file in NOTEBOOKS if file.stem == name)
    notebook = nbformat.read(file, as_version=4)
    if shorter:
        (cell,) = (cell for cell in code_cells(notebook) if SETTINGS in cell.source)
        cell.source = cell.source.replace(SETTINGS, FEWER_STEPS)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(EAGERLY))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def shown(notebook: Any, kind: str) -> list[str]:
    """All outputs of a MIME type, in order."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def add_run(seed: int, found: int, data: str = "rendered") -> None:
    """A run like the newest, but with an augmentation of its own, which found so many of the objects."""
    real = tracking.find_run("latest")
    config = {
        "data": {"name": data},
        "aug": {"name": "blur"},
        "seed": seed,
        "min_confidence": real.params["min_confidence"],
    }
    with tracking.start_run(config, "fmask", name=f"made up {seed}") as run:
        for split, label in real.datasets.items():
            digest = label.partition("@")[2]
            run.log_dataset(split, data, Path(), digest, photos=1, objects={})
        for confidence in ("0.5", "0.9"):
            scores = tracking.read_json(real, f"scores/test_at_{confidence}.json")
            assert scores is not None
            for place, each in enumerate(scores["objects"]):
                each["outcome"], each["claims"] = ("found", [0]) if place < found else ("missed", [])
            run.log_json(scores, f"scores/test_at_{confidence}.json")
        run.log_epoch(1, {"val/mask_ap50": 0.5, "train/cpu_seconds": 90.0})
        run.log_scores({"accuracy": found / 8, "mask_ap50": 0.4}, prefix="test")


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_only_small_pictures_are_stored(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert list(output.get("data", {})) == ["image/jpeg"], (
                f"{file.name} was saved with other outputs than pictures in JPEG: clear them, for they differ each time"
            )
        assert cell.execution_count is None
    assert file.stat().st_size < MAX_SIZE, f"{file.name} is too large: shrink its pictures"


def test_the_notebooks_show_pictures_before_they_are_run() -> None:
    stored = {file.stem: len(shown(nbformat.read(file, as_version=4), "image/jpeg")) for file in NOTEBOOKS}
    assert stored == {"compare_runs": 0, "own_loop": 6, "train_and_test": 2}


def test_training_and_comparison_run_from_top_to_bottom(store: Path) -> None:
    trained = execute("train_and_test", store, shorter=True)
    (run,) = tracking.find_runs("fmask")
    assert (run.status, run.params["schedule"], run.params["data"]) == ("FINISHED", "two_part", "rendered")
    assert (
        len(shown(trained, "image/png")) == 6
    )  # photos, samples, predictions, confusion, precision and recall, splash
    assert "after part two" in "".join(shown(trained, "text/html"))

    for seed, found in ((2, 5), (3, 6)):
        add_run(seed, found)
    add_run(4, 7, data="photos")
    compared = execute("compare_runs", store)
    (table,) = shown(compared, "text/markdown")
    confidence = run.params["min_confidence"]
    titles = re.findall(rf"\*\*fmask: (\d) runs? on (\w+)@\w+, confidence {confidence}\*\*", table)
    assert titles == [("1", "photos"), ("3", "rendered")]
    assert "11/0/5/" in table  # of the two made up, on 8 objects each
    assert len(shown(compared, "image/png")) == 3


def test_a_loop_of_ones_own_learns_five_photos(tmp_path: Path) -> None:
    trained = execute("own_loop", tmp_path)
    assert len(shown(trained, "image/png")) == 6  # losses, and five photos with what was found
    cells = re.findall(r"<td>(.*?)</td>", "".join(shown(trained, "text/html")))
    annotated, detected = cells[::2], cells[1::2]
    assert len(annotated) == 5
    assert detected == annotated
    assert shown(trained, "text/plain")[-1] == "True"  # the saved network detects the same
