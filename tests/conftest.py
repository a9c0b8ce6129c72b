"""What all tests share."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmask import tracking


@pytest.fixture(scope="session")
def photos_root() -> Path:
    """The study's photographs; tests that need them skip where they are not installed."""
    root = os.environ.get("FMASK_PHOTOS")
    if not root or not Path(root, "train").is_dir():
        pytest.skip("the study's photographs are not here: set FMASK_PHOTOS to the folder with train/, val/ and test/")
    return Path(root).resolve()


@pytest.fixture(scope="module", autouse=True)
def _own_path() -> Iterator[None]:
    """A loaded MLflow model puts its own copy of some of our modules first, for processes started later too."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs: making its tables takes seconds, copying them does not."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
        tracking.prepare_store()
    return file


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default store, in a working directory of the test's own (with a blank in its name)."""
    folder = tmp_path / "working directory"
    folder.mkdir()
    shutil.copy(empty_store, folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(folder)
    return folder
