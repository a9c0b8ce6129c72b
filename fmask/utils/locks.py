"""Locks against other processes, on any platform: SQLite's own, which end with the process that holds them."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from fmask.utils.errors import UserError

NAME = ".lock"
"""The file of the lock of a run's output folder."""


@contextmanager
def lock_file(file: Path, patience: float = 300) -> Iterator[None]:
    """Hold the lock `file`, made where missing, which stays.

    Args:
        patience: seconds to wait for whoever holds it.

    Raises:
        sqlite3.Error: it is still held then (`SQLITE_BUSY`), or there can be no such file.
    """
    with closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def lock_folder(folder: Path, refusal: str) -> Iterator[None]:
    """Hold the output folder of a run: while it is trained, and while what MLflow refused of it is sent.

    Raises:
        UserError: another process holds it, in the words of `refusal`; or it takes no lock.
    """
    file = folder / NAME
    with ExitStack() as held:
        try:
            held.enter_context(lock_file(file, patience=0))
        except sqlite3.Error as error:
            busy = error.sqlite_errorcode == sqlite3.SQLITE_BUSY
            raise UserError(refusal if busy else f"{file} cannot be locked: {error}.") from error
        yield
