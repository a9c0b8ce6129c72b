"""Experiment tracking with MLflow, which survives outages of the MLflow server. Only this package uses MLflow.

    with tracking.start_run(config, experiment="report", name="aug=blur") as run:
        run.log_dataset("train", "photos", root, digest, photos=90, objects={"mask": 60, "hat": 70})
        run.log_epoch(1, {"train/loss": 2.31, "val/loss": 2.78})
        run.log_scores({"accuracy": 0.72, "mask_ap50": 0.61}, prefix="test")

Runs are logged to MLFLOW_TRACKING_URI; the default is an SQLite file `mlflow.db` in the working directory, with the
artifacts in `mlruns/` beside it, which `mlflow ui` opens by default. Importing MLflow takes seconds, so the functions
here import it when they are called.
"""

from fmask.tracking.artifacts import add_text, download, read_data_folders, read_end_time, read_history, read_json
from fmask.tracking.downloads import download_model, download_weights
from fmask.tracking.listing import recent_trainings
from fmask.tracking.logged_model import register
from fmask.tracking.lookup import (
    EVALUATIONS,
    GROUPS_ARTIFACT,
    MEND,
    WEIGHTS_ARTIFACT,
    MissingArtifactsError,
    RunInfo,
    end_abandoned_runs,
    end_dead_run,
    find_run,
    find_runs,
    is_abbreviated,
    is_run_reference,
    pin_reference,
    require_store,
)
from fmask.tracking.metric_names import (
    COSTS,
    CURVES,
    LOSSES,
    METRICS,
    PARENTS,
    RENAMED,
    SCORES,
    epoch_metrics,
    is_metric,
    pick_scores,
    rename_metrics,
)
from fmask.tracking.provenance import code_tags, flatten, installed_packages, machine_tags
from fmask.tracking.replacement import log_figure, replace_network
from fmask.tracking.run import JOB_VARIABLE, PARENT_VARIABLE, TRIAL_VARIABLE, Run, start_run
from fmask.tracking.spool import SendResult, Spool, find_spools, open_spool, send_spool
from fmask.tracking.store import check_store, prepare_store, tracking_uri

__all__ = [
    "COSTS",
    "CURVES",
    "EVALUATIONS",
    "GROUPS_ARTIFACT",
    "JOB_VARIABLE",
    "LOSSES",
    "MEND",
    "METRICS",
    "PARENTS",
    "PARENT_VARIABLE",
    "RENAMED",
    "SCORES",
    "TRIAL_VARIABLE",
    "WEIGHTS_ARTIFACT",
    "MissingArtifactsError",
    "Run",
    "RunInfo",
    "SendResult",
    "Spool",
    "add_text",
    "check_store",
    "code_tags",
    "download",
    "download_model",
    "download_weights",
    "end_abandoned_runs",
    "end_dead_run",
    "epoch_metrics",
    "find_run",
    "find_runs",
    "find_spools",
    "flatten",
    "installed_packages",
    "is_abbreviated",
    "is_metric",
    "is_run_reference",
    "log_figure",
    "machine_tags",
    "open_spool",
    "pick_scores",
    "pin_reference",
    "prepare_store",
    "read_data_folders",
    "read_end_time",
    "read_history",
    "read_json",
    "recent_trainings",
    "register",
    "rename_metrics",
    "replace_network",
    "require_store",
    "send_spool",
    "start_run",
    "tracking_uri",
]
