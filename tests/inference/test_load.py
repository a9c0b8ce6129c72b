"""References to trained networks: files, runs and registered models."""

from pathlib import Path

import h5py
import pytest

from fmask import tracking
from fmask.inference.load import find_model_file
from fmask.model.config import ModelConfig
from fmask.model.weights.metadata import NetworkMetadata
from fmask.utils.errors import UserError


def run_with_weights(folder: Path, ap50: float | None) -> str:
    """Create a finished run whose weight file contains its score as text; return its id."""
    file = folder / "last.h5"
    file.write_text(str(ap50))
    with tracking.start_run({"epochs": 1}, "trained") as run:
        run.log_file(file, "weights")
        run.log_scores({"mask_ap50": ap50}, prefix="val")
    file.unlink()
    return run.id


def test_files_and_runs(store: Path, tmp_path: Path) -> None:
    good, _, last = (run_with_weights(tmp_path, ap50) for ap50 in (0.7, 0.4, None))
    assert find_model_file(good).read_text() == "0.7"
    assert find_model_file(f"runs:/{last}").read_text() == "None"
    assert find_model_file("latest").read_text() == "None"
    assert find_model_file("best").read_text() == "0.7"
    file = tmp_path / "mine.h5"
    file.write_text("mine")
    assert find_model_file(str(file)) == file


def test_a_folder_of_the_same_name_hides_no_run(store: Path, tmp_path: Path) -> None:
    run = run_with_weights(tmp_path, 0.7)
    for name in ("best", "latest", run[:8], run):
        Path(name).mkdir()
        assert find_model_file(name).read_text() == "0.7"
    with pytest.raises(UserError, match=r"^best/: there is no such weight file"):
        find_model_file("best/")


def test_a_registered_model(store: Path, tmp_path: Path) -> None:
    import mlflow

    file = tmp_path / "last.h5"
    with h5py.File(file, "w") as weights:
        weights.attrs["fmask"] = NetworkMetadata("resnet18", ModelConfig(), 64, True, ("cat", "dog")).to_json()
    with tracking.start_run({}, "trained", output_dir=tmp_path) as run:
        run.log_model(file)
    mlflow.set_tracking_uri(tracking.tracking_uri())
    mlflow.register_model(f"runs:/{run.id}/model", "finder")
    assert find_model_file("models:/finder/1").read_bytes() == file.read_bytes()
    assert mlflow.models.get_model_info("models:/finder/1").metadata == {"classes": ["cat", "dog"]}
    with pytest.raises(UserError, match="has no model 'models:/finder/2'"):
        find_model_file("models:/finder/2")


@pytest.mark.parametrize("reference", ["gone.h5", "folder/gone", "."])
def test_missing_files_are_refused(store: Path, reference: str) -> None:
    with pytest.raises(UserError, match=r"there is no such weight file; a model is a weight file \(.h5\), a run's id"):
        find_model_file(reference)


def test_best_needs_a_run_with_scores(store: Path, tmp_path: Path) -> None:
    run_with_weights(tmp_path, None)
    with pytest.raises(UserError, match="no finished training"):
        find_model_file("best")
