"""Fixtures for all tests."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fmask import tracking

# Tests run in as many processes as there are processors, so TensorFlow uses one thread in each.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

SLOW = (
    "test_notebooks", "training/test_checkpoint", "inference/test_export", "model/test_jax", "test_api", "cli/test_new",
    "cli/test_layouts", "model/test_backbones", "training/test_train", "training/test_hierarchy",
    "inference/test_runtime", "training/test_empty_photos", "tracking/test_outage", "utils/test_exits",
    "training/test_kills",
)  # fmt: skip
"""The slowest files."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the slowest files first, so that no process still works on one when all others have finished."""
    files = [Path(__file__).parent / f"{name}.py" for name in SLOW]
    items.sort(key=lambda item: files.index(item.path) if item.path in files else len(files))


@pytest.fixture(scope="session")
def photos_root() -> Path:
    """The folder of the study's photos; tests that need it are skipped if the photos are not installed."""
    root = os.environ.get("FMASK_PHOTOS")
    if not root or not Path(root, "train").is_dir():
        pytest.skip("the study's photos are not installed: set FMASK_PHOTOS to the folder with train/, val/ and test/")
    return Path(root).resolve()


@pytest.fixture(scope="module", autouse=True)
def _restore_sys_path() -> Iterator[None]:
    """Restore `sys.path`: a loaded MLflow model prepends its own copy of some modules of fmask."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Run networks operation by operation: building a graph takes longer than the few steps of a test."""
    from tests.helpers.networks import eagerly

    with eagerly():
        yield


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs, to be copied: creating its tables takes seconds."""
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
        tracking.prepare_store()
    return file


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default store, in a new working directory (with a blank in its name)."""
    folder = tmp_path / "working directory"
    folder.mkdir()
    shutil.copy(empty_store, folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(folder)
    return folder
