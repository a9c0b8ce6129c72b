"""Finding the weights of a run in a local SQLite store without MLflow, whose import and start take two CPU seconds.

Only runs that are certainly meant are found. In all other cases MLflow is asked, which also says what is wrong.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fmask.tracking.database import sqlite_file
from fmask.tracking.store import tracking_uri

_RUNS = "FROM runs JOIN experiments USING (experiment_id)"
_ACTIVE = "runs.lifecycle_stage = 'active' AND experiments.lifecycle_stage = 'active'"
_TRAINED = f"""{_RUNS}
    JOIN params ON params.run_uuid = runs.run_uuid AND params.key = 'epochs' AND params.value != ''
    JOIN tags ON tags.run_uuid = runs.run_uuid AND tags.key = 'command' AND tags.value != ''"""
_FINISHED = f"{_ACTIVE} AND runs.status = 'FINISHED'"
_RANKED = {
    "latest": f"{_TRAINED} WHERE {_FINISHED} ORDER BY runs.start_time DESC, runs.run_uuid LIMIT 1",
    "best": f"""{_TRAINED}
        JOIN latest_metrics AS scores ON scores.run_uuid = runs.run_uuid AND scores.key = 'val/mask_ap50'
        WHERE {_FINISHED} AND NOT scores.is_nan AND scores.value >= 0
        ORDER BY scores.value DESC, runs.start_time DESC, runs.run_uuid LIMIT 1""",
}
"""The same runs as in `fmask.tracking.lookup`."""


def local_artifact(reference: str, path: str) -> Path | None:
    """Return an artifact of a run on this machine.

    Args:
        reference: as for `find_run`.
        path: the artifact.

    Returns:
        The file; None if the store is not an SQLite file, or the run or the file is not certain.
    """
    file = sqlite_file(tracking_uri())
    if file is None or not file.is_file():
        return None
    name = reference.removeprefix("runs:/").strip("/")
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as store:
            if name in _RANKED:
                found = store.execute(f"SELECT runs.artifact_uri {_RANKED[name]}").fetchall()
            elif re.fullmatch(r"[0-9a-f]{6,32}", name):
                query = f"SELECT runs.artifact_uri {_RUNS} WHERE {_ACTIVE} AND runs.run_uuid LIKE ? LIMIT 2"
                found = store.execute(query, [f"{name}%"]).fetchall()
            else:
                return None
    except sqlite3.Error:  # such as a store of another version of MLflow
        return None
    if len(found) != 1:
        return None
    parts = urlsplit(found[0][0] or "")
    artifact = Path(url2pathname(parts.path), path)
    return artifact if parts.scheme == "file" and artifact.is_file() else None
