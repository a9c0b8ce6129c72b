"""A run in progress: opened, logged to, and closed with its final status."""

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
from fmask.tracking.environment import import_mlflow, own_settings
from fmask.tracking.records import END_TAGS, FAILURE, LoggedItem, Record, send_item
from fmask.tracking.server import check_server
from fmask.tracking.spool import Spool
from fmask.tracking.store import as_user_errors, check_parent, current_store, experiment_id, prepare_store, reason
from fmask.utils.errors import Pruned, UserError
from fmask.utils.secrets import without_secrets
from fmask.utils.signals import sigterm_as_interrupt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RETRY_FACTOR = 4
"""Pause after a failed attempt to send records, as a multiple of its duration: waiting for an unreachable server takes
at most a fifth of the time."""
PARENT_VARIABLE = "FMASK_PARENT_RUN"
"""Environment variable with the id of the sweep's run, the parent of its jobs' runs."""
JOB_VARIABLE = "FMASK_JOB"
"""Environment variable with the digest of a grid's job."""
TRIAL_VARIABLE = "FMASK_TRIAL"
"""Environment variable with the number of a trial in the sweep's Optuna study."""

log = logging.getLogger(__name__)


@contextmanager
def start_run(
    config: Mapping[str, Any],
    experiment: str,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    output_dir: Path = Path("outputs"),
    resume: str | None = None,
) -> Iterator["Run"]:
    """Open a run, log its provenance and system metrics, and close it with its final status.

    The status is FINISHED at the end of the block; KILLED after Ctrl-C, a termination signal or pruning; FAILED after
    any other exception. The exception is logged as the tag `failure` and the artifact `failure.txt`, or as the tag
    `pruned`, and raised again. While the run is being closed, SIGINT and SIGTERM are ignored. The runs of a
    sweep's jobs are children of the run that the sweep names in the environment variable `FMASK_PARENT_RUN`.
    Environment variables that choose another run for MLflow, or would lose records, are ignored: see
    `fmask.tracking.environment`.

    Args:
        config: the resolved configuration, nested; logged as params and as `config.yaml`.
        experiment: MLflow experiment; created if it does not exist.
        name: the run's name; MLflow chooses one by default.
        tags: tags in addition to those for code, data and machine.
        output_dir: folder for records that could not be sent to MLflow, in its subfolder `unsent/`.
        resume: id of an existing run to resume instead of opening a new one. It keeps its provenance; the present one
            is logged in tags `resumed.*` and the artifact `resumed/environment.txt`. The tags and the artifact that
            tell how it ended before are replaced by the tag `resumed.after`.

    Raises:
        UserError: the store cannot be used.
    """
    uri = prepare_store()
    mlflow = import_mlflow()
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    run = monitor = None
    with current_store(uri), sigterm_as_interrupt() as close:
        outer_run = mlflow.active_run()
        try:
            with as_user_errors():
                check_server(uri)
                check_parent(uri, os.environ.get(PARENT_VARIABLE))
                run = _open(mlflow, uri, experiment, name, output_dir, resume)
                # Not started by MLflow, which would leave it running if closing the run fails.
                monitor = SystemMetricsMonitor(run.id, resume_logging=bool(resume), tracking_uri=uri)
            monitor.start()
            run._log_provenance(config, tags or {})
            yield run
        except BaseException as error:
            close()
            status = "KILLED" if isinstance(error, (KeyboardInterrupt, Pruned)) else "FAILED"
            if run:
                run._log_failure(error)
            raise
        else:
            status = "FINISHED"
        finally:
            close()
            if monitor:
                monitor.finish()
            if run:
                run._end(status)
            elif mlflow.active_run() is not outer_run:  # MLflow would end it as FINISHED at exit
                with suppress(Exception), own_settings():
                    mlflow.end_run(status)


def _open(mlflow: Any, uri: str, experiment: str, name: str | None, output_dir: Path, resume: str | None) -> "Run":
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    experiment_number = experiment_id(uri, experiment)
    with own_settings(fluent=True):
        active = mlflow.start_run(
            resume, experiment_id=experiment_number, run_name=name, nested=True, log_system_metrics=False
        )
    run = Run(active.info, uri, output_dir, bool(resume))
    if ended := [active.data.tags[tag] for tag in END_TAGS if tag in active.data.tags]:
        mlflow.set_tag("resumed.after", ended[0], synchronous=True)
        with suppress(Exception):  # some stores cannot delete files; the tag tells then what the file is about
            get_artifact_repository(active.info.artifact_uri, uri).delete_artifacts(FAILURE)
        for tag in END_TAGS & active.data.tags.keys():
            mlflow.delete_tag(tag)
    return run


class Run:
    """A run in progress.

    Its methods do not raise if MLflow fails. Items that MLflow does not accept are saved at once in
    `<output_dir>/unsent/` (see `fmask.tracking.spool`). They are sent again during the run and at its end; `fmask send`
    sends those that are left. Only the system metrics, which MLflow itself records, have a gap after an outage.
    """

    def __init__(self, info: Any, uri: str, output_dir: Path, resumed: bool = False) -> None:
        from mlflow import MlflowClient

        self.id: str = info.run_id
        server = without_secrets(uri) if uri.startswith("http") else "http://127.0.0.1:5000"
        page = f"#/experiments/{info.experiment_id}/runs/{info.run_id}"
        self.uri = f"{server}/{page}?workflowType=machine_learning"  # the default page is for language models
        """Address of the run's page in the browser; for a local store, it needs a running `mlflow ui`."""
        self.metrics: dict[str, float] = {}
        """Metric name to the last value logged by this process, whether MLflow accepted it or not."""
        self._client = MlflowClient(uri)
        self._store = without_secrets(uri)
        self._spool = Spool(output_dir, self.id)
        self._spool.drop_end()
        self._resumed = resumed
        self._retry_at = 0.0
        """Time of the next attempt to send unsent items, in seconds of `time.monotonic`."""
        self._warned = False

    def log_dataset(
        self, split: str, name: str, root: Path, digest: str, photos: int, objects: Mapping[str, int]
    ) -> None:
        """Log the data of a split.

        Args:
            split: train, val or test.
            name: name of the data set.
            root: its folder.
            digest: SHA-256 of the split; MLflow shows the first 16 characters.
            photos: number of photos.
            objects: class name to number of objects.
        """
        profile = {"photos": photos, "objects": dict(objects), "sha256": digest}
        self._log({"dataset": name, "split": split, "root": str(root), **profile})

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics (losses, learning rate, validation scores) at step `epoch`."""
        values = {key: float(value) for key, value in metrics.items()}
        self.metrics |= values
        self._log({"epoch": epoch, "time_ms": _now(), "metrics": values})

    def log_scores(self, scores: Mapping[str, float | None], prefix: str | None = None, epoch: int = 0) -> None:
        """Log final scores as `name` or `prefix/name`. Scores that are None or NaN are left out.

        Args:
            scores: name to value.
            prefix: what comes before the names.
            epoch: the number of finished epochs, for scores that are also logged by epoch.
        """
        known = {key: value for key, value in scores.items() if value is not None and not math.isnan(value)}
        self.log_epoch(epoch, {f"{prefix}/{key}" if prefix else key: value for key, value in known.items()})

    def log_text(self, text: str, path: str) -> None:
        """Log a text as the artifact `path`."""
        self._log({"artifact": path}, text.encode())

    def log_json(self, value: Any, path: str) -> None:
        """Log `value` as the artifact `path`, an indented JSON file."""
        self.log_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", path)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Log a Matplotlib figure as the artifact `path`, in the format of its extension."""
        content = io.BytesIO()
        figure.savefig(content, format=Path(path).suffix.removeprefix("."))
        self._log({"artifact": path}, content.getvalue())

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Log an existing file as an artifact, under its own name in `folder`."""
        self._log({"file": str(file), "folder": folder})

    def log_model(self, network: Path) -> None:
        """Log a trained network as an MLflow model named `model`.

        The model can be loaded (`mlflow.pyfunc.load_model`) and served (`mlflow models serve`) without fmask's source
        code. `fmask.inference.serving` documents its input and output.

        Args:
            network: a file for `KerasPredictor.load`.
        """
        self._log({"model": str(network)})

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        self._log({"tags": {key: value}})

    def _log_provenance(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        from omegaconf import OmegaConf

        present = provenance.machine_tags() | provenance.code_tags()
        if self._resumed:
            self._log({"tags": {**{f"resumed.{key}": value for key, value in present.items()}, **tags}})
            self.log_text(provenance.installed_packages(), "resumed/environment.txt")
            return
        params = provenance.flatten(config)
        data = {"data": params["data"]} if "data" in params else {}
        self._log({"tags": {**present, **data, **_sweep_tags(), **tags}})
        if config:  # empty for a sweep's own run
            self._log({"params": params})
            self.log_text(without_secrets(OmegaConf.to_yaml(OmegaConf.create(dict(config)))), "config.yaml")
        self.log_text(provenance.installed_packages(), "environment.txt")

    def _log_failure(self, error: BaseException) -> None:
        if isinstance(error, Pruned):
            self.tag("pruned", str(error))
            return
        self.tag("failure", reason(error))
        self.log_text(without_secrets("".join(traceback.format_exception(error))), FAILURE)

    def _end(self, status: str) -> None:
        import mlflow

        self._retry_at = 0.0
        self._log({"status": status, "time_ms": _now()})
        with suppress(Exception), own_settings():
            mlflow.end_run(status)  # so that it is no longer the active run of this process
        if self._spool.items:
            folder = self._spool.folder.parent.parent
            log.warning(
                "%d records could not be sent to MLflow at %s; send them later with `fmask send %s`.",
                len(self._spool.items), self._store, folder,
            )  # fmt: skip

    def _log(self, record: Record, content: bytes | None = None) -> None:
        """Send an item to MLflow, after the unsent ones. Save it if MLflow fails; warn the first time."""
        item = LoggedItem(record, content)
        failure: Exception | None = None
        if self._spool.items:
            self._save(item)
            failure = self._send_unsent()
        else:
            try:
                send_item(self._client, self.id, item)
            except Exception as error:
                failure = error
                self._save(item)
        if failure and not self._warned:
            self._warned = True
            problem = f"MLflow at {self._store} did not accept a record ({reason(failure)})"
            log.warning("%s; the run continues and sends it again later.", problem)

    def _send_unsent(self) -> Exception | None:
        """Send the unsent items, unless an attempt has just failed: waiting for MLflow would slow down the training."""
        started = time.monotonic()
        if started < self._retry_at:
            return None
        failure = self._spool.send(self._client)
        if failure:
            self._retry_at = time.monotonic() + RETRY_FACTOR * (time.monotonic() - started)
        return failure

    def _save(self, item: LoggedItem) -> None:
        try:
            self._spool.add(item)
        except UserError as error:
            log.warning("Unsent records are kept in memory only: %s", error)


def _sweep_tags() -> dict[str, str]:
    names = {"mlflow.parentRunId": PARENT_VARIABLE, "job": JOB_VARIABLE, "trial": TRIAL_VARIABLE}
    return {tag: os.environ[variable] for tag, variable in names.items() if variable in os.environ}


def _now() -> int:
    """Return the time in milliseconds since 1970."""
    return int(time.time() * 1000)
