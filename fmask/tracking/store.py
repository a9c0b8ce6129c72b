"""The MLflow store that runs are logged to: its address, its creation, and its errors."""

import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from fmask.utils.errors import UserError
from fmask.utils.locks import lock_file
from fmask.utils.secrets import shortened, without_secrets

DEFAULT_URI = "sqlite:///mlflow.db"

_MLFLOW_SETTINGS = {  # defaults, which the environment overrides
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's default of 7 blocks a training for minutes if the server is gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}
_RUN_CHOICES: dict[
    str, str | None
] = {  # variables that choose a run or an experiment, and the value that disables each
    "MLFLOW_RUN_ID": None,
    "MLFLOW_EXPERIMENT_ID": None,
    "MLFLOW_EXPERIMENT_NAME": None,
    "_MLFLOW_ENABLE_SGC_RUN_RESUMPTION_FOR_DATABRICKS_JOBS": "false",
}


def tracking_uri() -> str:
    """Return the store's URI: MLFLOW_TRACKING_URI, or `mlflow.db` in the working directory.

    The path of an SQLite file is made absolute.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    file = sqlite_file(uri)
    return f"sqlite:///{file}" if file else uri


def prepare_store() -> str:
    """Create an SQLite store with its tables if it does not exist.

    MLflow creates the tables on first use without a lock, so that jobs that start at the same time would corrupt a new
    file. Here, one process creates them in a draft and renames it, while the other processes wait.

    Returns:
        The store's URI.

    Raises:
        UserError: the file cannot be created, or it is not an SQLite file.
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
    """Check that the store answers; an SQLite store is created if it does not exist.

    Raises:
        UserError: the store cannot be used.
    """
    uri = prepare_store()
    import_mlflow()
    from mlflow import MlflowClient

    with as_user_errors():
        MlflowClient(uri).search_experiments(max_results=1)


def experiment_id(uri: str, name: str) -> str:
    """Return the id of the experiment `name`. It is created if it does not exist.

    The artifacts of an experiment in an SQLite store are stored beside its file.

    Args:
        uri: the store.
        name: name of the experiment.

    Raises:
        UserError: the experiment was deleted, or a server stores its artifacts.
    """
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    file = sqlite_file(uri)
    with lock_file(file.with_name(f"{file.name}.lock")) if file else nullcontext():
        found = client.get_experiment_by_name(name)
        if found is None:
            folder = file.parent / "mlruns" / re.sub(r"[^\w.-]+|^\.+$", "_", name) if file else None  # never . or ..
            try:
                return client.create_experiment(name, artifact_location=folder.as_uri() if folder else None)
            except Exception:  # on a server, which cannot be locked, another run may have created it meanwhile
                found = client.get_experiment_by_name(name)
                if found is None:
                    raise
    if found.lifecycle_stage != "active":
        raise UserError(f"The MLflow experiment {name!r} was deleted: restore it in MLflow or choose another name.")
    if file and found.artifact_location.startswith("mlflow-artifacts:"):
        raise UserError(
            f"The MLflow experiment {name!r} was created by an MLflow server, which stores its artifacts: "
            "set MLFLOW_TRACKING_URI to the server's address or choose another name."
        )
    return found.experiment_id


def sqlite_file(uri: str) -> Path | None:
    """Return the absolute path of an SQLite store's file; None for other stores."""
    path = uri.removeprefix("sqlite:///")
    return None if path in (uri, "", ":memory:") else Path(path).absolute()


def import_mlflow() -> Any:
    """Import MLflow without its messages and telemetry, and with fewer retries."""
    for key, value in _MLFLOW_SETTINGS.items():
        os.environ.setdefault(key, value)
    warnings.filterwarnings("ignore", module=r"(mlflow|pydantic|alembic)\b")
    import mlflow

    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])  # if it was imported before
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it logs a line for each retry
    return mlflow


@contextmanager
def current_store(uri: str) -> Iterator[None]:
    """Make a store MLflow's current one, and restore the one before at the end."""
    mlflow = import_mlflow()
    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)


@contextmanager
def without_chosen_run() -> Iterator[None]:
    """Hide the run and the experiment that the environment or `mlflow.set_experiment` chose; restore them at the end.

    With them, MLflow would log into the run of MLFLOW_RUN_ID instead of a new one, refuse to resume a run of another
    experiment, and remove MLFLOW_RUN_ID from the environment when a run ends.
    """
    import_mlflow()
    from mlflow.tracking import fluent

    chosen = {name: os.environ.get(name) for name in _RUN_CHOICES}
    experiment = fluent._active_experiment_id
    _set_environment(_RUN_CHOICES)
    fluent._active_experiment_id = None
    try:
        yield
    finally:
        _set_environment(chosen)
        fluent._active_experiment_id = experiment


def _set_environment(values: Mapping[str, str | None]) -> None:
    """Set environment variables; None removes one."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise exceptions of MLflow as `UserError`, with one sentence that names the store."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        store = without_secrets(tracking_uri())
        problem = reason(error).partition(". ")[0]
        raise UserError(f"MLflow at {store} cannot be used ({problem}): set MLFLOW_TRACKING_URI.") from error


def reason(error: BaseException) -> str:
    """Return an exception as one line, without secrets."""
    first_line = shortened(next(iter(str(error).splitlines()), ""), 250).rstrip(".")
    return without_secrets(f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__)


def _create_tables(file: Path) -> None:
    import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    unfinished = file.with_name(f"{file.name}.new")
    unfinished.unlink(missing_ok=True)  # of a process that was killed here
    SqlAlchemyStore(f"sqlite:///{unfinished}", str(file.parent / "mlruns")).engine.dispose()
    unfinished.replace(file)
