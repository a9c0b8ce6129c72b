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
IGNORED: dict[str, str | None] = {
    # They choose the run, the experiment or the model to log to.
    "MLFLOW_RUN_ID": None,
    "MLFLOW_EXPERIMENT_ID": None,
    "MLFLOW_EXPERIMENT_NAME": None,
    "MLFLOW_ACTIVE_MODEL_ID": None,
    "_MLFLOW_ACTIVE_MODEL_ID": None,
    "MLFLOW_ENABLE_SGC_RUN_RESUMPTION_FOR_DATABRICKS_JOBS": "false",
    # Records that the server refuses would be lost.
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    # A value that is too long would make MLflow refuse all tags or parameters of the record.
    "MLFLOW_TRUNCATE_LONG_VALUES": "true",
    # It would set tags of fmask, such as `mlflow.parentRunId`; an invalid value ends the run.
    "MLFLOW_RUN_CONTEXT": None,
    # They would add files of the working directory to a model, or other requirements than the installed versions.
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOCK_MODEL_DEPENDENCIES": "false",
    "MLFLOW_LOG_MODEL_COMPRESSION": None,
}
"""Variables without an effect on fmask, and the value of each while fmask logs; None removes it."""


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
def own_settings() -> Iterator[None]:
    """Hide the `IGNORED` variables and the experiment of `mlflow.set_experiment`; restore them at the end.

    With them, MLflow would for example log into the run of MLFLOW_RUN_ID instead of a new one, refuse to resume a run
    of another experiment, and remove MLFLOW_RUN_ID from the environment when a run ends.
    """
    import_mlflow()
    from mlflow.tracking import fluent

    chosen = {name: os.environ.get(name) for name in IGNORED}
    experiment = fluent._active_experiment_id
    _set_environment(IGNORED)
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
