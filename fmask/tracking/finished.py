"""Runs that are there: looked up, and their weights fetched."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from fmask.errors import UserError
from fmask.tracking.provenance import without_secrets
from fmask.tracking.store import import_mlflow, prepare_store, refusals_as_user_errors, sqlite_file, tracking_uri

WEIGHTS_ARTIFACT = "weights/best.h5"


@dataclass(frozen=True)
class RunInfo:
    """A run as MLflow keeps it."""

    id: str
    name: str
    experiment: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED."""
    started: datetime
    params: dict[str, str]
    metrics: dict[str, float]
    """The last value of each."""
    tags: dict[str, str]
    datasets: dict[str, str]
    """Split (train, val, test) to `name@digest`."""
    artifacts: str
    """URI of the artifacts' folder."""


def find_run(reference: str) -> RunInfo:
    """Look up a run by its id, `runs:/<id>`, or `latest`: the newest finished one of all experiments.

    Raises:
        UserError: there is no such run, or no store.
    """
    run_id = reference.removeprefix("runs:/").strip("/")
    client = _client()
    with refusals_as_user_errors():
        if run_id != "latest":
            return _as_info(client, _get_run(client, run_id))
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        newest = client.search_runs(
            experiments, "attributes.status = 'FINISHED'", max_results=1, order_by=["attributes.start_time DESC"]
        )
    if not newest:
        raise UserError(f"{without_secrets(tracking_uri())} holds no finished run yet.")
    return _as_info(client, newest[0])


def find_runs(experiment: str) -> list[RunInfo]:
    """All runs of an experiment, newest first.

    Raises:
        UserError: there is no such experiment, or no store.
    """
    client = _client()
    with refusals_as_user_errors():
        found = client.get_experiment_by_name(experiment)
        if found is None:
            known = ", ".join(sorted(each.name for each in client.search_experiments()))
            raise UserError(f"There is no MLflow experiment {experiment!r}; there are: {known}.")
        runs, token = [], None
        while token != "":
            page = client.search_runs([found.experiment_id], order_by=["attributes.start_time DESC"], page_token=token)
            runs += [_as_info(client, run, experiment) for run in page]
            token = page.token or ""
    return runs


def download_weights(reference: str) -> Path:
    """The best weights of a run (see `find_run`) as a local file; nothing is copied where the store is local.

    Raises:
        UserError: there is no such run, or it logged no weights.
    """
    run = find_run(reference)
    mlflow = import_mlflow()
    try:
        return Path(mlflow.artifacts.download_artifacts(f"{run.artifacts}/{WEIGHTS_ARTIFACT}"))
    except Exception as error:
        raise UserError(f"The MLflow run {run.id} ({run.name}, {run.status}) has no {WEIGHTS_ARTIFACT}.") from error


def read_json(run: RunInfo, path: str) -> Any | None:
    """What a run logged as the JSON file `path`; None where it logged none.

    Raises:
        UserError: the store cannot be used.
    """
    client = _client()
    mlflow = import_mlflow()
    with refusals_as_user_errors():
        logged = {file.path for file in client.list_artifacts(run.id, str(PurePosixPath(path).parent))}
        return mlflow.artifacts.load_dict(f"{run.artifacts}/{path}") if path in logged else None


def end_abandoned(parent: str, trial: int) -> None:
    """End what a process that died without a word left RUNNING: the runs of a trial of the search `parent`."""
    client = _client()
    with refusals_as_user_errors():
        experiment = client.get_run(parent).info.experiment_id
        running = "attributes.status = 'RUNNING'"
        mine = f"tags.`mlflow.parentRunId` = '{parent}' and tags.trial = '{trial}'"
        for run in client.search_runs([experiment], f"{running} and {mine}"):
            client.set_tag(run.info.run_id, "failure", "its process died")
            client.set_terminated(run.info.run_id, "KILLED")


def _client() -> Any:
    file = sqlite_file(tracking_uri())
    if file and not file.exists():
        raise UserError(f"There are no runs yet: {file} does not exist.")
    import_mlflow()
    from mlflow import MlflowClient

    with refusals_as_user_errors():
        return MlflowClient(prepare_store())


def _get_run(client: Any, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise UserError(f"{without_secrets(tracking_uri())} holds no run {run_id!r}.") from error


def _as_info(client: Any, run: Any, experiment: str | None = None) -> RunInfo:
    datasets = {
        tag.value: f"{used.dataset.name}@{used.dataset.digest}"
        for used in run.inputs.dataset_inputs
        for tag in used.tags
        if tag.key == "mlflow.data.context"
    }
    return RunInfo(
        id=run.info.run_id,
        name=run.info.run_name,
        experiment=experiment or client.get_experiment(run.info.experiment_id).name,
        status=run.info.status,
        started=datetime.fromtimestamp(run.info.start_time / 1000),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        datasets=datasets,
        artifacts=run.info.artifact_uri,
    )
