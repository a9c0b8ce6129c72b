"""Creation of the tables of a database store by processes that start at the same time.

MLflow creates the tables on first use, without a lock between machines: of several processes that start on an empty
database, one creates them and the others fail.
"""

import logging
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fmask.tracking.environment import import_mlflow
from fmask.utils.errors import UserError
from fmask.utils.locks import lock_file

DATABASES = ("postgresql", "mysql", "mssql")
"""URL schemes of database servers that MLflow uses directly, without the name of a driver."""
LOCKS = {
    "postgresql": ("SELECT pg_advisory_lock(7017201)", "SELECT pg_advisory_unlock(7017201)"),
    "mysql": ("SELECT GET_LOCK('fmask', 600)", "SELECT RELEASE_LOCK('fmask')"),
}
"""Statements that wait for and release a lock between all connections to a database; it ends with the connection."""
ATTEMPTS = 6
"""How often the tables are tried: another program, such as `mlflow server`, may create them without the lock."""

log = logging.getLogger(__name__)


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of an SQLite store's file; None for other stores."""
    path = uri.removeprefix("sqlite:///")
    return None if path in (uri, "", ":memory:") else Path(path).absolute()


def create_sqlite(file: Path) -> None:
    """Create an SQLite store with its tables if it does not exist.

    One process creates the tables in a draft and renames it, while the other processes wait.

    Raises:
        UserError: the file cannot be created, or it is not an SQLite file.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock_sqlite(file):
            if not file.exists():
                _create_tables(file)
        with closing(sqlite3.connect(file)) as store:
            store.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"The MLflow store {file} cannot be used ({error}): set MLFLOW_TRACKING_URI.") from error


def lock_sqlite(file: Path | None) -> AbstractContextManager[None]:
    """Hold the lock of an SQLite store within the block; None holds nothing."""
    return lock_file(file.with_name(f"{file.name}.lock")) if file else nullcontext()


def create_database(uri: str) -> None:
    """Create the tables in the database at `uri` if they do not exist; nothing if it is not a database server.

    Raises:
        Exception: any exception of MLflow or the database, after several attempts.
    """
    if urlsplit(uri).scheme.partition("+")[0] not in DATABASES:
        return
    import_mlflow()
    from mlflow import MlflowClient

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with _locked(uri):
                MlflowClient(uri).search_experiments(max_results=1)  # MLflow keeps the store that it opens for this
            return
        except Exception as error:
            if attempt == ATTEMPTS or not _is_race(error):
                raise
            time.sleep(random.uniform(0.5, 1.5) * attempt)


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Hold a lock of the database within the block; nothing for a database without one."""
    import sqlalchemy

    statements = LOCKS.get(urlsplit(uri).scheme.partition("+")[0])
    if not statements:
        yield
        return
    lock, unlock = map(sqlalchemy.text, statements)
    engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(lock)
        try:
            yield
        finally:
            connection.execute(unlock)


def _is_race(error: BaseException) -> bool:
    """Whether a database refused a statement, perhaps because another process is creating the same tables."""
    from sqlalchemy.exc import DBAPIError

    causes: list[Any] = [error, error.__cause__]
    return any(isinstance(each, DBAPIError) and not each.connection_invalidated for each in causes)


def _create_tables(file: Path) -> None:
    import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)  # of a process that was killed here
    SqlAlchemyStore(f"sqlite:///{unfinished}", str(file.parent / "mlruns")).engine.dispose()
    unfinished.replace(file)
