"""Weights of the output folder, of the artifacts and of the model are one file on the disk."""

from pathlib import Path

import pytest

from fmask import tracking
from fmask.inference.keras_predictor import KerasPredictor
from tests.helpers.classes import CLASSES
from tests.helpers.mlflow_runs import artifacts, client, refuse
from tests.helpers.networks import SIZE, tiny

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def network(store: Path) -> Path:
    file = store / "outputs" / "last.h5"
    file.parent.mkdir()
    KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES).save(file)
    return file


def test_a_run_stores_its_weights_once(store: Path, network: Path) -> None:
    with tracking.start_run({}, "mine", output_dir=network.parent) as run:
        run.log_file(network, "weights")
        run.log_file(network, "weights")  # as after an outage in which MLflow had accepted it
        run.log_model(network)
    logged = artifacts(run.id) / "weights/last.h5"
    assert logged.samefile(network)
    (model,) = client().search_logged_models([client().get_run(run.id).info.experiment_id])
    of_model = Path(model.artifact_location.removeprefix("file://").replace("%20", " "), "artifacts/last.h5")
    assert of_model.samefile(network)
    assert network.stat().st_nlink == 3
    before = logged.read_bytes()
    KerasPredictor(tiny(), SIZE, antialias=False, classes=CLASSES).save(network)
    assert logged.read_bytes() == of_model.read_bytes() == before != network.read_bytes()
    assert [file.name for file in logged.parent.iterdir()] == ["last.h5"]


def test_a_store_on_another_disk_has_copies(store: Path, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.link", refuse)
    with tracking.start_run({}, "mine", output_dir=network.parent) as run:
        run.log_file(network, "weights")
        run.log_model(network)
    logged = artifacts(run.id) / "weights/last.h5"
    assert logged.read_bytes() == network.read_bytes()
    assert network.stat().st_nlink == 1
    assert not (network.parent / "unsent").exists()
