"""Where runs go: the MLflow store, made ready before anyone uses it."""

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from fmask.utils.errors import UserError
from fmask.utils.locks import lock_file
from fmask.utils.secrets import shortened, without_secrets

DEFAULT_URI = "sqlite:///mlflow.db"

_MLFLOW_SETTINGS = {  # unless the user's environment says otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's 7 keep a training waiting for minutes when the server is gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}


def tracking_uri() -> str:
    """The store that runs go to: MLFLOW_TRACKING_URI or `mlflow.db` here, an SQLite file's path made absolute."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    file = sqlite_file(uri)
    return f"sqlite:///{file}" if file else uri


def prepare_store() -> str:
    """Create the SQLite file and its tables where they are missing; return the store's URI.

    MLflow creates the tables on first use without a lock, so jobs that start together on a fresh file break it. Here
    one process builds them under another name and moves the finished file into place while the others wait.

    Raises:
        UserError: the file cannot be created, or is not an SQLite file.
    """
    uri = tracking_uri()
    file = sqlite_file(uri)
    if file is None:
        return uri
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock_file(file.with_name(f"{file.name}.lock")):
            if not file.exists():
                _create_tables(file)
        with closing(sqlite3.connect(file)) as store:
            store.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"The MLflow store {file} cannot be used ({error}): set MLFLOW_TRACKING_URI.") from error
    return uri


def check_store() -> None:
    """Ask the store something, to know that it answers; one in a file is created where missing.

    Raises:
        UserError: it cannot be used.
    """
    uri = prepare_store()
    import_mlflow()
    from mlflow import MlflowClient

    with refusals_as_user_errors():
        MlflowClient(uri).search_experiments(max_results=1)


def experiment_id(uri: str, name: str) -> str:
    """The id of the experiment called `name`, created where missing, its artifacts beside an SQLite store.

    Raises:
        UserError: the experiment was deleted, or its artifacts are a server's.
    """
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    file = sqlite_file(uri)
    with lock_file(file.with_name(f"{file.name}.lock")) if file else nullcontext():
        found = client.get_experiment_by_name(name)
        if found is None:
            folder = file.parent / "mlruns" / re.sub(r"[^\w.-]+", "_", name) if file else None
            try:
                return client.create_experiment(name, artifact_location=folder.as_uri() if folder else None)
            except Exception:  # on a server, which nobody can lock, another run may have been faster
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
    if found.lifecycle_stage != "active":
        raise UserError(f"The MLflow experiment {name!r} was deleted: restore it in MLflow or choose another name.")
    if file and found.artifact_location.startswith("mlflow-artifacts:"):
        raise UserError(
            f"The MLflow experiment {name!r} was created by an MLflow server, which keeps its artifacts: "
            "set MLFLOW_TRACKING_URI to the server's address or choose another name."
        )
    return found.experiment_id


def sqlite_file(uri: str) -> Path | None:
    """The absolute path of an SQLite store's file; None for other stores."""
    path = uri.removeprefix("sqlite:///")
    return None if path in (uri, "", ":memory:") else Path(path).absolute()


def import_mlflow() -> Any:
    """Import MLflow with its own talk, its telemetry and its retrying turned down."""
    for key, value in _MLFLOW_SETTINGS.items():
        os.environ.setdefault(key, value)
    warnings.filterwarnings("ignore", module=r"(mlflow|pydantic|alembic)\b")
    import mlflow

    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])  # where somebody imported it before us
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a line for each of its retries
    return mlflow


@contextmanager
def refusals_as_user_errors() -> Iterator[None]:
    """Turn whatever MLflow raises into one sentence that names the store."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        store = without_secrets(tracking_uri())
        said = reason(error).partition(". ")[0]
        raise UserError(f"MLflow at {store} cannot be used ({said}): set MLFLOW_TRACKING_URI.") from error


def reason(error: BaseException) -> str:
    """An exception in one line."""
    first_line = shortened(next(iter(str(error).splitlines()), ""), 250).rstrip(".")
    return without_secrets(f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__)


def _create_tables(file: Path) -> None:
    import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)  # a process killed here before us leaves one
    SqlAlchemyStore(f"sqlite:///{unfinished}", str(file.parent / "mlruns")).engine.dispose()
    unfinished.replace(file)
