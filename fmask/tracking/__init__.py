"""What MLflow keeps of a run, and what happens to it when MLflow is in trouble. The only room that knows MLflow.

    with tracking.start(config, experiment="report", name="aug=blur") as run:
        run.log_dataset("train", "photos", root, digest, photos=90, objects={"mask": 60, "hat": 70})
        run.log_epoch(1, {"loss": 2.31, "val_loss": 2.78})
        run.log_scores({"accuracy": 0.72, "mask_ap50": 0.61})

Runs go to MLFLOW_TRACKING_URI, by default an SQLite file `mlflow.db` in the working directory with the artifacts in
`mlruns/` beside it, which is where a plain `mlflow ui` looks. MLflow takes seconds to import, so the functions here
import it when they are called.
"""

from fmask.tracking.artifacts import add_text, download, read_end, read_folders, read_history, read_json
from fmask.tracking.logged_model import register
from fmask.tracking.lookup import (
    EVALUATIONS,
    WEIGHTS_ARTIFACT,
    RunInfo,
    download_model,
    download_weights,
    end_abandoned,
    find_run,
    find_runs,
    pinned,
    require_store,
)
from fmask.tracking.provenance import code_tags, flatten, installed_packages, machine_tags
from fmask.tracking.run import JOB_VARIABLE, PARENT_VARIABLE, TRIAL_VARIABLE, Run, start
from fmask.tracking.spool import Delivered, Spool, deliver, find_spools, open_spool
from fmask.tracking.store import check_store, prepare_store, tracking_uri

__all__ = [
    "EVALUATIONS",
    "JOB_VARIABLE",
    "PARENT_VARIABLE",
    "TRIAL_VARIABLE",
    "WEIGHTS_ARTIFACT",
    "Delivered",
    "Run",
    "RunInfo",
    "Spool",
    "add_text",
    "check_store",
    "code_tags",
    "deliver",
    "download",
    "download_model",
    "download_weights",
    "end_abandoned",
    "find_run",
    "find_runs",
    "find_spools",
    "flatten",
    "installed_packages",
    "machine_tags",
    "open_spool",
    "pinned",
    "prepare_store",
    "read_end",
    "read_folders",
    "read_history",
    "read_json",
    "register",
    "require_store",
    "start",
    "tracking_uri",
]
