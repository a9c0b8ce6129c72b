"""The notebooks run from top to bottom as they are, and are kept without what they printed."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from fmask import tracking

NOTEBOOKS = sorted(Path(__file__).parents[1].glob("notebooks/*.ipynb"))


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def execute(name: str, folder: Path) -> Any:
    (file,) = (file for file in NOTEBOOKS if file.stem == name)
    notebook = nbformat.read(file, as_version=4)
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
def test_no_outputs_are_stored(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert not cell.outputs, (
            f"{file.name} was saved with outputs: clear them, for they are large and differ each time"
        )
        assert cell.execution_count is None


def test_training_and_comparison_run_from_top_to_bottom(store: Path) -> None:
    trained = execute("train_and_test", store)
    (run,) = tracking.find_runs("fmask")
    assert (run.status, run.params["schedule"], run.params["data"]) == ("FINISHED", "two_part", "rendered")
    assert len(shown(trained, "image/png")) == 5  # photos, predictions, confusion, precision and recall, splash
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
