"""MLflow's environment variables: defaults of fmask, and variables that do not affect fmask.

One rule: variables that choose a place (a server, its credentials, certificates) or cost only time (retries, timeouts,
connections) have an effect. Variables that would log to another run, lose records or change what a run logs have none.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fmask.utils.imports import without_collection

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # MLflow's default of 7 blocks a training for minutes if the server is gone
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Variables that fmask sets unless the environment has them."""
IGNORED = (
    # They choose the run, the experiment or the model to log to.
    *("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"),
    *("MLFLOW_ACTIVE_MODEL_ID", "_MLFLOW_ACTIVE_MODEL_ID"),
    # Records that the server refuses would be lost.
    "MLFLOW_ENABLE_ASYNC_LOGGING",
    # Without it, a value that is too long would make MLflow refuse all tags or parameters of the record.
    "MLFLOW_TRUNCATE_LONG_VALUES",
    # It would set tags of fmask, such as `mlflow.parentRunId`; an invalid value ends the run.
    "MLFLOW_RUN_CONTEXT",
    # They would add other requirements than the installed versions to a model, or store it in another form.
    *("MLFLOW_LOCK_MODEL_DEPENDENCIES", "MLFLOW_LOG_MODEL_COMPRESSION"),
)
"""Variables without an effect on fmask: while it logs, they are not set, and MLflow's defaults hold."""
FLUENT = {
    # It would choose the run to log to.
    "MLFLOW_ENABLE_SGC_RUN_RESUMPTION_FOR_DATABRICKS_JOBS": "false",
    # It would add files of the working directory to a model.
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""Values that fmask sets while it opens a run or logs a model; MLflow's defaults differ."""


def import_mlflow() -> Any:
    """Import MLflow without its messages and telemetry, and with fewer retries."""
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)
    warnings.filterwarnings("ignore", module=r"(mlflow|pydantic|alembic)\b")
    with without_collection():
        import mlflow

    logging.getLogger("mlflow").setLevel(os.environ["MLFLOW_LOGGING_LEVEL"])  # if it was imported before
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # it logs a traceback and raises it as well
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it logs a line for each retry
    return mlflow


@contextmanager
def own_settings(fluent: bool = False) -> Iterator[None]:
    """Hide the `IGNORED` variables and the experiment of `mlflow.set_experiment`; restore them at the end.

    With them, MLflow would for example log into the run of MLFLOW_RUN_ID instead of a new one, refuse to resume a run
    of another experiment, and remove MLFLOW_RUN_ID from the environment when a run ends.

    The environment changes only where it must: a thread of a library that reads it at that moment, such as one of
    TensorFlow's, can crash the process.

    Args:
        fluent: whether a run is opened or a model is logged, which `FLUENT` is for.
    """
    import_mlflow()
    from mlflow.tracking import fluent as state

    values: dict[str, str | None] = dict.fromkeys(IGNORED) | (FLUENT if fluent else {})
    chosen = {name: os.environ.get(name) for name in values}
    experiment = state._active_experiment_id
    _set_environment(values)
    state._active_experiment_id = None
    try:
        yield
    finally:
        _set_environment(chosen)
        state._active_experiment_id = experiment


def _set_environment(values: Mapping[str, str | None]) -> None:
    """Set environment variables; None removes one."""
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != value:
            os.environ[name] = value
