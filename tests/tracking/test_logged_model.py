"""Networks are registered in MLflow's model registry."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from fmask import tracking
from fmask.cli import app
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.load import find_model_file
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.networks import SIZE, tiny

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("network") / "last.h5"
    KerasPredictor(tiny(), SIZE, antialias=True, classes=CLASSES).save(path)
    return path


def test_each_registration_is_a_new_version(store: Path, network: Path) -> None:
    with tracking.start_run({"epochs": 1}, "mine", output_dir=store) as run:
        run.log_file(network, "weights")
    references = ((str(network), str(network)), (run.id, run.id), ("latest", f"runs:/{run.id}"))
    for version, (reference, source) in zip("123", references, strict=True):
        done = CliRunner().invoke(app, ["register", reference, "finder"], catch_exceptions=False)
        assert done.output == f"Registered as models:/finder/{version}.\n"
        kept = MlflowClient(tracking.tracking_uri()).get_model_version("finder", version)
        assert kept.tags["source"] == source
        assert find_model_file(f"models:/finder/{version}").read_bytes() == network.read_bytes()
    assert [run.id for run in tracking.find_runs("mine")] == [run.id]


@pytest.mark.parametrize("name", ["mine/finder", "a:b", ""])
def test_an_invalid_name_registers_nothing(store: Path, network: Path, name: str) -> None:
    with pytest.raises(UserError, match="must not be empty or contain / or :"):
        tracking.register(network, name, "mine")
    assert not (store / "mlruns").exists()


def test_a_text_file_is_not_registered(store: Path) -> None:
    (store / "text.h5").write_text("text")
    with pytest.raises(UserError, match=r"text\.h5 is not a network saved by fmask"):
        CliRunner().invoke(app, ["register", "text.h5", "finder"], catch_exceptions=False)
    assert not MlflowClient(tracking.prepare_store()).search_registered_models()
