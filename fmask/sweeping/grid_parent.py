"""The MLflow run of a grid, which a resumed sweep of the same jobs continues.

While a sweep runs, it holds the lock of its output folder. A run that is still RUNNING although its lock is free
belongs to a process that was killed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fmask import tracking
from fmask.utils.errors import UserError
from fmask.utils.locks import lock_folder

GRID_TAG = "grid"
"""Tag of a grid's run with the digest of its jobs."""


def grid_digest(jobs: Sequence[str]) -> str:
    """Return a hash of the digests of a grid's jobs, in any order."""
    return hashlib.sha256(" ".join(sorted(jobs)).encode()).hexdigest()[:16]


def continue_parent(earlier: Sequence[tracking.RunInfo], grid: str, stack: ExitStack) -> tracking.RunInfo | None:
    """Find the newest run of the same grid, lock it, and end the runs of jobs whose process was killed with it.

    The runs of other grids whose process was killed are ended as KILLED.

    Args:
        earlier: all runs of the grid's studies.
        grid: the grid's digest.
        stack: holds the lock of the run that is returned.

    Returns:
        The run, or None if there is none.

    Raises:
        UserError: another process is running the same grid.
    """
    parents = sorted((run for run in earlier if GRID_TAG in run.tags), key=lambda run: run.started, reverse=True)
    known = next((run for run in parents if run.tags[GRID_TAG] == grid), None)
    if known:
        busy = f"hydra.sweeper.resume=true: the run {known.id} of the same grid is still running; wait for its end."
        stack.enter_context(lock_parent(Path(known.tags["output_dir"]), busy))
        tracking.end_abandoned_runs(known.id)
    for run in parents:
        folder = Path(run.tags["output_dir"])
        # The folder of a sweep on another machine may not exist here: nothing is known about its process then.
        if run is not known and run.status == "RUNNING" and folder.is_dir():
            try:
                with lock_folder(folder, "busy"):
                    tracking.end_abandoned_runs(run.id)
                    tracking.end_dead_run(run.id)
            except UserError:
                continue  # its process is alive, or MLflow cannot be used now
    return known


@contextmanager
def lock_parent(folder: Path, busy_message: str) -> Iterator[None]:
    """Hold the lock of a sweep's output folder within the block.

    Raises:
        UserError: another process holds the lock; the message is `busy_message`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with lock_folder(folder, busy_message):
        yield
