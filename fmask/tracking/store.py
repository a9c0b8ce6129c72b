"""The MLflow store that runs are logged to: its address, its creation, and its errors."""

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager

from fmask.tracking.database import create_database, create_sqlite, lock_sqlite, sqlite_file
from fmask.tracking.environment import import_mlflow
from fmask.utils.errors import UserError
from fmask.utils.secrets import shortened, without_secrets

DEFAULT_URI = "sqlite:///mlflow.db"


def tracking_uri() -> str:
    """Return the store's URI: MLFLOW_TRACKING_URI, or `mlflow.db` in the working directory.

    The path of an SQLite file is made absolute.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    file = sqlite_file(uri)
    return f"sqlite:///{file}" if file else uri


def prepare_store() -> str:
    """Create the tables of an SQLite file or a database server if they do not exist.

    Returns:
        The store's URI.

    Raises:
        UserError: the store cannot be used.
    """
    uri = tracking_uri()
    file = sqlite_file(uri)
    if file:
        create_sqlite(file)
    else:
        with as_user_errors():
            create_database(uri)
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
    with lock_sqlite(file):
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


def check_parent(uri: str, parent: str | None) -> None:
    """Check that a store has the run of the sweep that a job belongs to.

    A job on another machine may have another store, in which its run would be missing from the study.

    Args:
        uri: the job's store.
        parent: id of the sweep's run; None outside of sweeps.

    Raises:
        UserError: it does not.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        if parent:
            MlflowClient(uri).get_run(parent)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise UserError(
            f"MLflow at {without_secrets(uri)} on {platform.node()} does not have the run {parent} of the sweep: "
            "set MLFLOW_TRACKING_URI of the sweep to a server or a database that all machines reach."
        ) from error


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
    """Return an exception as one line, without secrets; for a database's refusal, what the database itself says."""
    error = getattr(error.__cause__, "orig", None) or error
    first_line = shortened(next(iter(str(error).splitlines()), ""), 250).rstrip(".")
    return without_secrets(f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__)
