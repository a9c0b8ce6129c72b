"""Files that a run has in its output folder and among its artifacts, stored once.

In a local store, an artifact on the same disk becomes a hard link to the file: two names of one content, which exists
until both are deleted. fmask never changes a weight file in place; a new one replaces it.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def log_file(client: Any, run_id: str, file: Path, folder: str | None) -> None:
    """Log a file as an artifact of a run: a hard link if the store is on the same disk, else a copy.

    Args:
        client: an `MlflowClient`.
        run_id: id of the run.
        file: the file.
        folder: artifact folder; None is the top folder.
    """
    artifacts = local_folder(client.get_run(run_id).info.artifact_uri)
    if artifacts is None or not _link(file, artifacts / (folder or "") / file.name):
        client.log_artifact(run_id, str(file), folder)


def link_copy(file: Path, location: str, path: str) -> None:
    """Replace a copy of a file in a local store by a hard link, if it is on the same disk.

    Args:
        file: the file.
        location: URI of a folder of artifacts.
        path: the copy, relative to this folder.
    """
    folder = local_folder(location)
    copy = folder / path if folder else None
    if copy and copy.is_file() and copy.stat().st_size == file.stat().st_size:
        _link(file, copy)


def local_folder(location: str) -> Path | None:
    """Return the folder that an artifact URI refers to; None if it is not on this machine."""
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    return Path(local_file_uri_to_path(location)) if is_local_uri(location) else None


def _link(file: Path, link: Path) -> bool:
    """Make `link` a hard link to a file, or replace it by one; return whether the disk allows it."""
    draft = link.with_name(f".{link.name}.part")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.link(file.resolve(), draft)
        draft.replace(link)
    except (OSError, NotImplementedError):  # the second on systems without hard links
        return False
    finally:
        with suppress(OSError):
            draft.unlink()
    return True
