"""A run being made: opened, logged to, and closed with what became of it."""

import io
import json
import logging
import math
import os
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fmask.tracking import provenance
from fmask.tracking.records import FAILURE, MARKS, Item, Record, send
from fmask.tracking.spool import Spool
from fmask.tracking.store import experiment_id, import_mlflow, prepare_store, reason, refusals_as_user_errors
from fmask.utils.errors import Pruned, UserError
from fmask.utils.secrets import without_secrets
from fmask.utils.signals import sigterm_as_interrupt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PATIENCE = 4
"""After MLflow was found away it is asked again after so many times as long as that took: a fifth of the time at most
goes into waiting for it."""
PARENT_VARIABLE = "FMASK_PARENT_RUN"
"""Environment variable with the id of the sweep's run that a run belongs to."""
JOB_VARIABLE = "FMASK_JOB"
"""Environment variable with the digest of the grid's job that a run is."""
TRIAL_VARIABLE = "FMASK_TRIAL"
"""Environment variable with the number of the trial, in the sweep's Optuna study, that a run is."""

log = logging.getLogger(__name__)


@contextmanager
def start(
    config: Mapping[str, Any],
    experiment: str,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    output_dir: Path = Path("outputs"),
    resume: str | None = None,
) -> Iterator["Run"]:
    """Open a run, log what it is made from and how busy the machine is, and close it with what became of it.

    The run ends FINISHED; KILLED on Ctrl-C, on a termination signal, or when it is pruned; FAILED on any other
    exception. What ended it is kept as the tag `failure` and the artifact `failure.txt`, or as the tag `pruned`, and
    goes on to the caller. While the run is being closed, signals but SIGKILL are not heard. A sweep says in the
    environment which run its jobs' runs are children of.

    Args:
        config: the resolved configuration, nested; logged as params and as `config.yaml`.
        experiment: MLflow experiment, created where missing.
        name: the run's name; MLflow makes one up without it.
        tags: the caller's tags, beside those for code, data and machine.
        output_dir: folder whose `unsent/` keeps what MLflow refuses.
        resume: id of a run that is there, to go on with instead of opening a new one. It keeps what it was made from,
            and what there is now stands beside it, in tags `resumed.*` and the artifact `resumed/environment.txt`; how
            it ended before is the tag `resumed.after`, and nothing else any more.

    Raises:
        UserError: the store cannot be used.
    """
    uri = prepare_store()
    mlflow = import_mlflow()
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    uri_before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    run = monitor = None
    try:
        with sigterm_as_interrupt() as close:
            around = mlflow.active_run()
            try:
                with refusals_as_user_errors():
                    run = _open(mlflow, uri, experiment, name, output_dir, resume)
                    # By hand: MLflow leaves it running if ending fails.
                    monitor = SystemMetricsMonitor(run.id, resume_logging=bool(resume), tracking_uri=uri)
                monitor.start()
                run._describe(config, tags or {})
                yield run
            except BaseException as error:
                close()
                status = "KILLED" if isinstance(error, (KeyboardInterrupt, Pruned)) else "FAILED"
                if run:
                    run._explain(error)
                raise
            else:
                status = "FINISHED"
            finally:
                close()
                if monitor:
                    monitor.finish()
                if run:
                    run._end(status)
                elif mlflow.active_run() is not around:  # MLflow would say at exit that it has finished
                    with suppress(Exception):
                        mlflow.end_run(status)
    finally:
        mlflow.set_tracking_uri(uri_before)


def _open(mlflow: Any, uri: str, experiment: str, name: str | None, output_dir: Path, resume: str | None) -> "Run":
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    number = experiment_id(uri, experiment)
    active = mlflow.start_run(resume, experiment_id=number, run_name=name, nested=True, log_system_metrics=False)
    run = Run(active.info, uri, output_dir, bool(resume))
    if ended := [active.data.tags[mark] for mark in MARKS if mark in active.data.tags]:
        mlflow.set_tag("resumed.after", ended[0])
        with suppress(Exception):  # some stores delete no files; the tag says then what the file is of
            get_artifact_repository(active.info.artifact_uri, uri).delete_artifacts(FAILURE)
        for mark in MARKS & active.data.tags.keys():
            mlflow.delete_tag(mark)
    return run


class Run:
    """A run being made.

    Its methods do not raise when MLflow is in trouble: what MLflow refuses is in `<output_dir>/unsent/` from that
    moment on (`fmask.tracking.spool`). It is sent again while the run goes on and at its end, and what is left then by
    `fmask send`. Only the machine's load, which MLflow itself watches, has a gap.
    """

    def __init__(self, info: Any, uri: str, output_dir: Path, goes_on: bool = False) -> None:
        from mlflow import MlflowClient

        self.id: str = info.run_id
        server = without_secrets(uri) if uri.startswith("http") else "http://127.0.0.1:5000"
        page = f"#/experiments/{info.experiment_id}/runs/{info.run_id}"
        self.uri = f"{server}/{page}?workflowType=machine_learning"  # the pages for language models otherwise
        """The run's page in the browser; for a local store it is there while `mlflow ui` runs."""
        self.metrics: dict[str, float] = {}
        """The last value of each that was logged here, whether MLflow took it or not."""
        self._client = MlflowClient(uri)
        self._store = without_secrets(uri)
        self._spool = Spool(output_dir, self.id)
        self._spool.forget_end()
        self._goes_on = goes_on
        self._ask_again = 0.0
        """When MLflow, being away, is asked next, in seconds of `time.monotonic`."""
        self._troubled = False

    def log_dataset(
        self, split: str, name: str, root: Path, digest: str, photos: int, objects: Mapping[str, int]
    ) -> None:
        """Say which data a split (train, val, test) was; MLflow shows the digest's first 16 characters and keeps all.

        Args:
            objects: class name to number of regions.
        """
        profile = {"photos": photos, "objects": dict(objects), "sha256": digest}
        self._log({"dataset": name, "split": split, "root": str(root), **profile})

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics (losses, learning rate, validation scores) at step `epoch`, in one call."""
        values = {key: float(value) for key, value in metrics.items()}
        self.metrics |= values
        self._log({"epoch": epoch, "time_ms": _now(), "metrics": values})

    def log_scores(self, scores: Mapping[str, float | None], prefix: str | None = None) -> None:
        """Log final scores under their own names, or `prefix/name`; those without a value (None, NaN) are left out."""
        known = {key: value for key, value in scores.items() if value is not None and not math.isnan(value)}
        self.log_epoch(0, {f"{prefix}/{key}" if prefix else key: value for key, value in known.items()})

    def log_text(self, text: str, path: str) -> None:
        """Log a text file at `path` among the artifacts."""
        self._log({"artifact": path}, text.encode())

    def log_json(self, value: Any, path: str) -> None:
        """Log `value` as an indented JSON file."""
        self.log_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", path)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Log a Matplotlib figure; `path`'s ending says the format."""
        drawn = io.BytesIO()
        figure.savefig(drawn, format=Path(path).suffix.removeprefix("."))
        self._log({"artifact": path}, drawn.getvalue())

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Log a file that is there, under its own name in `folder` among the artifacts."""
        self._log({"file": str(file), "folder": folder})

    def log_model(self, network: Path) -> None:
        """Log the trained network, the file `KerasPredictor.load` takes, as an MLflow model named `model`.

        It loads (`mlflow.pyfunc.load_model`) and serves (`mlflow models serve`) without a checkout;
        `fmask.inference.serving` says what goes in and comes out.
        """
        self._log({"model": str(network)})

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        self._log({"tags": {key: value}})

    def _describe(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        from omegaconf import OmegaConf

        here = provenance.machine_tags() | provenance.code_tags()
        if self._goes_on:
            self._log({"tags": {**{f"resumed.{key}": value for key, value in here.items()}, **tags}})
            self.log_text(provenance.installed_packages(), "resumed/environment.txt")
            return
        params = provenance.flatten(config)
        data = {"data": params["data"]} if "data" in params else {}
        self._log({"tags": {**here, **data, **_sweep_tags(), **tags}})
        if config:  # a sweep has none of its own
            self._log({"params": params})
            self.log_text(without_secrets(OmegaConf.to_yaml(OmegaConf.create(dict(config)))), "config.yaml")
        self.log_text(provenance.installed_packages(), "environment.txt")

    def _explain(self, error: BaseException) -> None:
        if isinstance(error, Pruned):
            self.tag("pruned", str(error))
            return
        self.tag("failure", reason(error))
        self.log_text(without_secrets("".join(traceback.format_exception(error))), FAILURE)

    def _end(self, status: str) -> None:
        import mlflow

        self._ask_again = 0.0
        self._log({"status": status, "time_ms": _now()})
        with suppress(Exception):
            mlflow.end_run(status)  # it is this process's active run no more
        if self._spool.items:
            folder = self._spool.folder.parent.parent
            log.warning(
                "MLflow at %s refused %d items to the end: `fmask send %s` sends them when it is back.",
                self._store, len(self._spool.items), folder,
            )  # fmt: skip

    def _log(self, record: Record, content: bytes | None = None) -> None:
        """Send an item to MLflow, after those that it refused before; keep it if it does not take it, and warn once."""
        item = Item(record, content)
        refused: Exception | None = None
        if self._spool.items:
            self._keep(item)
            refused = self._send_again()
        else:
            try:
                send(self._client, self.id, item)
            except Exception as error:
                refused = error
                self._keep(item)
        if refused and not self._troubled:
            self._troubled = True
            problem = f"MLflow at {self._store} refuses results ({reason(refused)})"
            log.warning("%s: the run goes on and sends them again later.", problem)

    def _send_again(self) -> Exception | None:
        """Send what was refused, unless MLflow has just been found away: asking it costs the training time."""
        started = time.monotonic()
        if started < self._ask_again:
            return None
        refused = self._spool.send(self._client)
        if refused:
            self._ask_again = time.monotonic() + PATIENCE * (time.monotonic() - started)
        return refused

    def _keep(self, item: Item) -> None:
        try:
            self._spool.add(item)
        except UserError as error:
            log.warning("What MLflow refuses is kept in memory only: %s", error)


def _sweep_tags() -> dict[str, str]:
    names = {"mlflow.parentRunId": PARENT_VARIABLE, "job": JOB_VARIABLE, "trial": TRIAL_VARIABLE}
    return {tag: os.environ[variable] for tag, variable in names.items() if variable in os.environ}


def _now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
