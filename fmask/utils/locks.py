"""Locks between processes, on any platform.

They are locks of SQLite, which the operating system releases when the process ends.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from fmask.utils.errors import UserError

NAME = ".lock"
"""Name of the lock file in a run's output folder."""


@contextmanager
def lock_file(file: Path, timeout: float = 300) -> Iterator[None]:
    """Hold the lock `file` within the block. The file is created if missing, and it is not removed.

    Args:
        file: the lock file.
        timeout: seconds to wait while another process holds the lock.

    Raises:
        sqlite3.Error: another process still holds the lock (`SQLITE_BUSY`), or the file cannot be created.
    """
    with closing(sqlite3.connect(file, timeout=timeout, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def lock_folder(folder: Path, busy_message: str) -> Iterator[None]:
    """Hold the lock of a run's output folder within the block, during training or while records are sent to MLflow.

    Args:
        folder: the output folder.
        busy_message: the message of the error if another process holds the lock.

    Raises:
        UserError: another process holds the lock, or the lock file cannot be created.
    """
    file = folder / NAME
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_file(file, timeout=0))
        except sqlite3.Error as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            raise UserError(busy_message if busy else f"{file} cannot be locked: {error}.") from error
        yield
