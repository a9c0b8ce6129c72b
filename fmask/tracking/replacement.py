"""Replacing the network of a run that has ended by a copy with another operating point."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmask.tracking.links import local_folder
from fmask.tracking.logged_model import log_model
from fmask.tracking.lookup import WEIGHTS_ARTIFACT, RunInfo, _client
from fmask.tracking.store import as_user_errors
from fmask.utils.files import atomic_write, sha256_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def replace_network(run: RunInfo, old: Path, files: Sequence[Path]) -> None:
    """Replace the network of a run: among its artifacts, in its output folder, and as its MLflow model.

    Models in the registry keep the network with which they were registered.

    Args:
        run: the run, which has ended.
        old: its weight file so far; only copies of it in the output folder are replaced.
        files: the new weight file and, if there is one, ONNX file, with the names of the old ones.

    Raises:
        UserError: a file cannot be written, or the store cannot be used.
    """
    client, outputs = _client(), Path(run.tags.get("output_dir", ""))
    copy = outputs / old.name
    if run.tags.get("output_dir") and copy.is_file() and sha256_of(copy) == sha256_of(old):
        for file in files:
            _copy(file, outputs / file.name)
    weights = str(Path(WEIGHTS_ARTIFACT).parent)
    with as_user_errors():
        folder = local_folder(run.artifacts)
        for file in files:
            if folder:
                _copy(file, folder / weights / file.name)
            else:
                client.log_artifact(run.id, str(file), weights)
        log_model(client, run.id, folder / WEIGHTS_ARTIFACT if folder else files[0], again=True)


def log_figure(run: RunInfo, figure: "Figure", path: str) -> None:
    """Log a figure to a run that has ended; an artifact of the same name is replaced.

    Raises:
        UserError: the store cannot be used.
    """
    client: Any = _client()
    with as_user_errors():
        client.log_figure(run.id, figure, path)


def _copy(file: Path, target: Path) -> None:
    """Copy a file, also over one name of a file with other hard links, which stay as they are."""
    with atomic_write(target) as draft:
        shutil.copyfile(file, draft)
