"""Runs that are there: looked up, and their weights fetched."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fmask.tracking.store import (
    import_mlflow,
    prepare_store,
    reason,
    refusals_as_user_errors,
    sqlite_file,
    tracking_uri,
)
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import rename_params
from fmask.utils.secrets import without_secrets

WEIGHTS_ARTIFACT = "weights/last.h5"
"""The network that a run's scores are of; `best.h5` beside it is of the epoch that did best on validation."""
EVALUATIONS = "evaluate"
"""The experiment of runs that score a model that is there."""

_TRAINED = "attributes.status = 'FINISHED' and params.epochs != '' and tags.command != ''"
"""A finished training of this program: sweeps, evaluations and runs of others lack one or the other."""
_RANKED = {
    "latest": (_TRAINED, "attributes.start_time DESC"),
    "best": (f"{_TRAINED} and metrics.`val/mask_ap50` >= 0", "metrics.`val/mask_ap50` DESC"),
}
"""Words for a run: what it must have, and what it is first by."""


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
    """Look up a run by its id, `runs:/<id>`, or among the finished trainings of all experiments: `latest`, the newest,
    or `best`, the one with the highest `val/mask_ap50`.

    Raises:
        UserError: there is no such run, or no store.
    """
    run_id = reference.removeprefix("runs:/").strip("/")
    client = _client()
    with refusals_as_user_errors():
        if run_id not in _RANKED:
            return _as_info(client, _get_run(client, run_id))
        condition, order = _RANKED[run_id]
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        first = client.search_runs(experiments, condition, max_results=1, order_by=[order])
    if not first:
        raise UserError(f"{without_secrets(tracking_uri())} holds no finished training yet.")
    return _as_info(client, first[0])


def pinned(reference: str) -> str:
    """`runs:/<id>` of the run that `latest` or `best` is now, which another may be tomorrow; any other name as it is.

    Raises:
        UserError: there is no such run, or no store.
    """
    return f"runs:/{find_run(reference).id}" if reference.removeprefix("runs:/").strip("/") in _RANKED else reference


def find_runs(experiment: str, missing_ok: bool = False) -> list[RunInfo]:
    """All runs of an experiment, newest first.

    Raises:
        UserError: there is no such experiment, or no store; with `missing_ok` that is no runs.
    """
    file = sqlite_file(tracking_uri())
    if missing_ok and file and not file.exists():
        return []
    client = _client()
    with refusals_as_user_errors():
        found = client.get_experiment_by_name(experiment)
        if found is None and missing_ok:
            return []
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
    """The weights that a run ended with (see `find_run`) as a local file; nothing is copied where the store is local.

    Raises:
        UserError: there is no such run, or it logged no weights.
    """
    run = find_run(reference)
    mlflow = import_mlflow()
    try:
        return Path(mlflow.artifacts.download_artifacts(f"{run.artifacts}/{WEIGHTS_ARTIFACT}"))
    except Exception as error:
        raise UserError(f"The MLflow run {run.id} ({run.name}, {run.status}) has no {WEIGHTS_ARTIFACT}.") from error


def download_model(reference: str) -> Path:
    """The network inside an MLflow model, `models:/NAME/VERSION` or `models:/NAME@ALIAS`, as a local file.

    Raises:
        UserError: there is no such model, or it holds no network of ours.
    """
    _client()  # says it where there is no store
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(tracking_uri())
    try:
        folder = Path(mlflow.artifacts.download_artifacts(reference))
    except Exception as error:
        store = without_secrets(tracking_uri())
        raise UserError(f"{store} holds no model {reference!r} ({reason(error)}).") from error
    networks = sorted((folder / "artifacts").glob("*.h5"))
    if len(networks) != 1:
        raise UserError(f"The MLflow model {reference!r} holds {len(networks)} networks; one of fmask's holds one.")
    return networks[0]


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


def require_store() -> None:
    """Ask the store that is there for something, before work that would ask it often.

    Raises:
        UserError: the store cannot be used, or there is none yet.
    """
    client = _client()
    with refusals_as_user_errors():
        client.search_experiments(max_results=1)


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
        params=rename_params(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        datasets=datasets,
        artifacts=run.info.artifact_uri,
    )
