"""A run being made: opened, logged to, and closed with what became of it."""

import json
import logging
import math
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fmask.errors import Pruned
from fmask.tracking import provenance
from fmask.tracking.model import log_model
from fmask.tracking.store import experiment_id, import_mlflow, prepare_store, reason, refusals_as_user_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARAMS_PER_CALL = 100  # MLflow's limit
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
    goes on to the caller. A sweep says in the environment which run its jobs' runs are children of.

    Args:
        config: the resolved configuration, nested; logged as params and as `config.yaml`.
        experiment: MLflow experiment, created where missing.
        name: the run's name; MLflow makes one up without it.
        tags: the caller's tags, beside those for code, data and machine.
        output_dir: folder whose `unsent/` takes what MLflow refuses to the end.
        resume: id of a run that is there, to go on with instead of opening a new one.

    Raises:
        UserError: the store cannot be used.
    """
    uri = prepare_store()
    mlflow = import_mlflow()
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    uri_before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        with refusals_as_user_errors():
            number = experiment_id(uri, experiment)
            active = mlflow.start_run(
                resume, experiment_id=number, run_name=name, nested=True, log_system_metrics=False
            )
            if "failure" in active.data.tags:  # of the time before
                mlflow.delete_tag("failure")
        run = Run(active.info, uri, output_dir)
        monitor = SystemMetricsMonitor(run.id, tracking_uri=uri)  # by hand: MLflow leaves it running if ending fails
        try:
            with _termination_interrupts():
                monitor.start()
                run._describe(config, tags or {})
                yield run
        except BaseException as error:
            run._explain(error)
            status = "KILLED" if isinstance(error, (KeyboardInterrupt, Pruned)) else "FAILED"
            raise
        else:
            status = "FINISHED"
        finally:
            monitor.finish()
            run._end(status)
    finally:
        mlflow.set_tracking_uri(uri_before)


class Run:
    """A run being made.

    Its methods do not raise when MLflow is in trouble: what MLflow refuses is sent again with the next call that gets
    through, and what is left at the end is written to `<output_dir>/unsent/`.
    """

    def __init__(self, info: Any, uri: str, output_dir: Path) -> None:
        from mlflow import MlflowClient

        self.id: str = info.run_id
        server = provenance.without_secrets(uri) if uri.startswith("http") else "http://127.0.0.1:5000"
        page = f"#/experiments/{info.experiment_id}/runs/{info.run_id}"
        self.uri = f"{server}/{page}?workflowType=machine_learning"  # the pages for language models otherwise
        """The run's page in the browser; for a local store it is there while `mlflow ui` runs."""
        self._client = MlflowClient(uri)
        self._store = provenance.without_secrets(uri)
        self._unsent_folder = output_dir / "unsent"
        self._pending: list[_Pending] = []
        self._troubled = False

    def log_dataset(
        self, split: str, name: str, root: Path, digest: str, photos: int, objects: Mapping[str, int]
    ) -> None:
        """Say which data a split (train, val, test) was; MLflow shows the digest's first 16 characters and keeps all.

        Args:
            objects: class name to number of regions.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = {"photos": photos, "objects": dict(objects), "sha256": digest}
        source = json.dumps({"uri": str(root)})
        dataset = Dataset(name, digest[:16], source_type="local", source=source, profile=json.dumps(profile))
        used = DatasetInput(dataset, [InputTag("mlflow.data.context", split)])
        record = {"dataset": name, "split": split, "root": str(root), **profile}
        self._safely(lambda: self._client.log_inputs(self.id, [used]), record)

    def log_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log an epoch's metrics (losses, learning rate, validation scores) at step `epoch`, in one call."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = {key: float(value) for key, value in metrics.items()}
        batch = [Metric(key, value, now, epoch) for key, value in values.items()]
        record = {"epoch": epoch, "time_ms": now, "metrics": values}
        self._safely(lambda: self._client.log_batch(self.id, metrics=batch), record)

    def log_scores(self, scores: Mapping[str, float | None], prefix: str | None = None) -> None:
        """Log final scores under their own names, or `prefix/name`; those without a value (None, NaN) are left out."""
        known = {key: value for key, value in scores.items() if value is not None and not math.isnan(value)}
        self.log_epoch(0, {f"{prefix}/{key}" if prefix else key: value for key, value in known.items()})

    def log_text(self, text: str, path: str) -> None:
        """Log a text file at `path` among the artifacts."""

        def keep(folder: Path) -> None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")

        self._safely(lambda: self._client.log_text(self.id, text, path), keep)

    def log_json(self, value: Any, path: str) -> None:
        """Log `value` as an indented JSON file."""
        self.log_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", path)

    def log_figure(self, figure: "Figure", path: str) -> None:
        """Log a Matplotlib figure; `path`'s ending says the format."""

        def keep(folder: Path) -> None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / path)

        self._safely(lambda: self._client.log_figure(self.id, figure, path), keep)

    def log_file(self, file: Path, folder: str | None = None) -> None:
        """Log a file that is there, under its own name in `folder` among the artifacts."""
        record = {"file": str(file), "folder": folder}
        self._safely(lambda: self._client.log_artifact(self.id, str(file), folder), record)

    def log_model(self, network: Path, register_as: str | None = None) -> None:
        """Log the trained network, the file `Detector.load` takes, as an MLflow model named `model`.

        It loads (`mlflow.pyfunc.load_model`) and serves (`mlflow models serve`) without a checkout; `fmask.serving`
        says what goes in and comes out. With `register_as` it becomes the next version of the registered model of that
        name, too.
        """
        self._safely(lambda: log_model(network, register_as), {"model": str(network), "register_as": register_as})

    def tag(self, key: str, value: str) -> None:
        """Set a tag."""
        self._safely(lambda: self._client.set_tag(self.id, key, value), {"tag": key, "value": value})

    def _describe(self, config: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        from mlflow.entities import Param, RunTag
        from omegaconf import OmegaConf

        params = provenance.flatten(config)
        data = {"data": params["data"]} if "data" in params else {}
        all_tags = {**provenance.machine_tags(), **provenance.code_tags(), **data, **_sweep_tags(), **tags}
        run_tags = [RunTag(key, value) for key, value in all_tags.items()]
        run_params = [Param(key, value) for key, value in params.items()]
        self._safely(lambda: self._client.log_batch(self.id, tags=run_tags), {"tags": all_tags})
        for first in range(0, len(run_params), PARAMS_PER_CALL):
            batch = run_params[first : first + PARAMS_PER_CALL]
            self._safely(partial(self._client.log_batch, self.id, params=batch), {"params": params})
        if config:  # a sweep has none of its own
            self.log_text(provenance.without_secrets(OmegaConf.to_yaml(OmegaConf.create(dict(config)))), "config.yaml")
        self.log_text(provenance.installed_packages(), "environment.txt")

    def _explain(self, error: BaseException) -> None:
        if isinstance(error, Pruned):
            self.tag("pruned", str(error))
            return
        self.tag("failure", reason(error))
        self.log_text(provenance.without_secrets("".join(traceback.format_exception(error))), "failure.txt")

    def _end(self, status: str) -> None:
        import mlflow

        self._safely(lambda: self._client.set_terminated(self.id, status), {"status": status})
        with suppress(Exception):
            mlflow.end_run(status)  # it is this process's active run no more
        if self._pending:
            self._write_unsent()

    def _safely(self, send: Callable[[], Any], keep: "Record | Keep") -> None:
        """Send something to MLflow and, if it takes it, what it refused before; keep it if not, and warn once."""
        try:
            send()
        except Exception as error:
            self._pending.append(_Pending(send, keep))
            if not self._troubled:
                self._troubled = True
                problem = f"MLflow at {self._store} refuses results ({reason(error)})"
                log.warning("%s: the run goes on and sends them again later.", problem)
        else:
            self._pending = [pending for pending in self._pending if not pending.gets_through()]

    def _write_unsent(self) -> None:
        folder = self._unsent_folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "records.jsonl").open("a", encoding="utf-8") as records:
                for _, keep in self._pending:
                    if isinstance(keep, dict):
                        records.write(json.dumps({"run": self.id, **keep}) + "\n")
                    else:
                        keep(folder)
        except OSError as error:
            log.warning("What MLflow refused is lost: %s cannot be written (%s).", folder, error)
        else:
            log.warning(
                "MLflow at %s refused %d items to the end: %s has them.", self._store, len(self._pending), folder
            )


def _sweep_tags() -> dict[str, str]:
    names = {"mlflow.parentRunId": PARENT_VARIABLE, "job": JOB_VARIABLE, "trial": TRIAL_VARIABLE}
    return {tag: os.environ[variable] for tag, variable in names.items() if variable in os.environ}


Record = dict[str, Any]
"""What a line of `unsent/records.jsonl` says."""
Keep = Callable[[Path], None]
"""Writes its file into the folder that it is given."""


class _Pending(NamedTuple):
    """Something that MLflow refused, and how to keep it should it never get through."""

    send: Callable[[], Any]
    keep: Record | Keep

    def gets_through(self) -> bool:
        try:
            self.send()
        except Exception:
            return False
        return True


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Let a termination signal (a cluster's time limit, `kill`) end the run as Ctrl-C does."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
