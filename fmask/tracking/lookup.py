"""Finding runs."""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from fmask.tracking.database import sqlite_file
from fmask.tracking.environment import import_mlflow
from fmask.tracking.metric_names import rename_metrics
from fmask.tracking.store import as_user_errors, prepare_store, tracking_uri
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import rename_params
from fmask.utils.secrets import without_secrets

WEIGHTS_ARTIFACT = "weights/last.h5"
"""Artifact with the network that a run's scores belong to. `best.h5` beside it has the best validation scores."""
GROUPS_ARTIFACT = "groups.json"
"""Artifact with the group of each test photo that `data.groups` lists."""
ONNX_ARTIFACT = "weights/last.onnx"
"""Artifact with the same network for ONNX Runtime."""
EVALUATIONS = "evaluate"
"""Experiment of the runs of `fmask evaluate`."""

MEND = "move them back to that folder, or make that folder a link to the one that they are in now."
"""What to do about artifacts that are not where MLflow recorded them."""

TRAINING = "params.epochs != '' and tags.command != ''"
"""Filter for trainings of fmask: sweeps, evaluations and runs of other programs lack some of these."""
_TRAINED = f"attributes.status = 'FINISHED' and {TRAINING}"
_RANKED = {
    "latest": (_TRAINED, "attributes.start_time DESC"),
    "best": (f"{_TRAINED} and metrics.`val/mask_ap50` >= 0", "metrics.`val/mask_ap50` DESC"),
}
"""Reference to filter and order; the first run is meant."""


class MissingArtifactsError(UserError):
    """The artifacts of a run are not where MLflow recorded them, for example because the store's folder was moved."""

    def __init__(self, run: "RunInfo", place: str) -> None:
        super().__init__(
            f"The artifacts of the run {run.id} ({run.name}) are not in {place}, where MLflow recorded them: {MEND}"
        )
        self.place = place
        """The folder that the artifacts of the run's experiment should be in; a URI if it is not on this machine."""


@dataclass(frozen=True)
class RunInfo:
    """A run as stored in MLflow."""

    id: str
    name: str
    experiment: str
    status: str
    """RUNNING, FINISHED, FAILED or KILLED."""
    started: datetime
    params: dict[str, str]
    metrics: dict[str, float]
    """Metric name to last value; those of trainings with earlier versions have their present names."""
    tags: dict[str, str]
    datasets: dict[str, str]
    """Split (train, val, test) to `name@digest`."""
    artifacts: str
    """URI of the artifacts' folder."""
    photos: dict[str, int] = field(default_factory=dict)
    """Split to its number of photos."""


def find_run(reference: str) -> RunInfo:
    """Find a run.

    Args:
        reference: the run's id or its first characters, at least 6, with or without `runs:/`; or among the finished
            trainings of all experiments, `latest` for the newest, or `best` for the one with the highest
            `val/mask_ap50`.

    Raises:
        UserError: the run or the store does not exist, or the store cannot be used.
    """
    run_id = reference.removeprefix("runs:/").strip("/")
    client = _client()
    with as_user_errors():
        if run_id not in _RANKED:
            return _as_info(client, _get_run(client, _whole_id(client, run_id)))
        condition, order = _RANKED[run_id]
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        first = client.search_runs(experiments, condition, max_results=1, order_by=[order])
    if not first:
        raise UserError(f"{without_secrets(tracking_uri())} has no finished training yet.")
    return _as_info(client, first[0])


def pin_reference(reference: str) -> str:
    """Replace references that change over time, `latest`, `best` and the beginning of an id, by `runs:/<id>`.

    Other references are returned unchanged.

    Raises:
        UserError: the run or the store does not exist, or the store cannot be used.
    """
    name = reference.removeprefix("runs:/").strip("/")
    return f"runs:/{find_run(reference).id}" if name in _RANKED or is_abbreviated(name) else reference


def is_abbreviated(reference: str) -> bool:
    """Return whether this can be the beginning of a run's id."""
    return bool(re.fullmatch(r"[0-9a-f]{6,31}", reference))


def is_run_reference(reference: str) -> bool:
    """Return whether this has the form of a reference to a run; see `find_run`."""
    if reference.startswith("runs:/") or reference in _RANKED:
        return True
    return bool(re.fullmatch(r"[0-9a-f]{6,32}", reference))


def find_runs(experiment: str, missing_ok: bool = False) -> list[RunInfo]:
    """Return all runs of an experiment, newest first.

    Args:
        experiment: name of the experiment.
        missing_ok: return an empty list if the experiment or the store does not exist.

    Raises:
        UserError: the experiment or the store does not exist, or the store cannot be used.
    """
    file = sqlite_file(tracking_uri())
    if missing_ok and file and not file.exists():
        return []
    client = _client()
    with as_user_errors():
        found = client.get_experiment_by_name(experiment)
        if found is None and missing_ok:
            return []
        if found is None:
            known = ", ".join(sorted(each.name for each in client.search_experiments()))
            raise UserError(f"There is no MLflow experiment {experiment!r}; existing experiments: {known}.")
        runs, token = [], None
        while token != "":
            page = client.search_runs([found.experiment_id], order_by=["attributes.start_time DESC"], page_token=token)
            runs += [_as_info(client, run, experiment) for run in page]
            token = page.token or ""
    return runs


def check_artifacts(run: RunInfo) -> None:
    """Check that the artifacts of a finished run are where MLflow recorded them.

    A run of fmask logs artifacts first and its final status last, so a finished one without any has lost them.

    Raises:
        MissingArtifactsError: they are not.
        UserError: the store cannot be used.
    """
    if run.status != "FINISHED" or "command" not in run.tags:  # it may have none yet, or is of another program
        return
    with as_user_errors():
        if list_files(run):
            return
    place = run.artifacts.removesuffix("/artifacts").removesuffix(f"/{run.id}")
    parts = urlsplit(place)
    raise MissingArtifactsError(run, url2pathname(parts.path) if parts.scheme == "file" else without_secrets(place))


def list_files(run: RunInfo, folder: str | None = None) -> set[str]:
    """Return the paths of the artifacts of a run that are directly in a folder; None is the top folder.

    The artifacts are listed where they are stored. `MlflowClient.list_artifacts` also searches for logged models, which
    servers before MLflow 3.0 do not have.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository(run.artifacts, tracking_uri=tracking_uri())
    return {file.path for file in repository.list_artifacts(folder)}


def end_abandoned_runs(parent: str, trial: int | None = None) -> None:
    """Mark as KILLED the runs of a sweep's jobs that are still RUNNING although their process has ended.

    Args:
        parent: id of the sweep's run.
        trial: number of a search's trial; None means all jobs.
    """
    client = _client()
    with as_user_errors():
        running = f"attributes.status = 'RUNNING' and tags.`mlflow.parentRunId` = '{parent}'"
        of_trial = "" if trial is None else f" and tags.trial = '{trial}'"
        experiments = [each.experiment_id for each in client.search_experiments()]  # a grid may be over several
        for run in client.search_runs(experiments, running + of_trial):
            end_dead_run(run.info.run_id)


def end_dead_run(run_id: str) -> None:
    """Mark a run as KILLED because its process has ended."""
    client = _client()
    with as_user_errors():
        client.set_tag(run_id, "failure", "its process died", synchronous=True)
        client.set_terminated(run_id, "KILLED")


def require_store() -> None:
    """Check that the store exists and answers, before work that uses it often.

    Raises:
        UserError: the store does not exist or cannot be used.
    """
    client = _client()
    with as_user_errors():
        client.search_experiments(max_results=1)


def _client() -> Any:
    file = sqlite_file(tracking_uri())
    if file and not file.exists():
        raise UserError(f"There are no runs yet: {file} does not exist.")
    import_mlflow()
    from mlflow import MlflowClient

    with as_user_errors():
        return MlflowClient(prepare_store())


def _whole_id(client: Any, run_id: str) -> str:
    """Return the id of the only run whose id begins with `run_id`; `run_id` itself if there is none."""
    if not is_abbreviated(run_id):
        return run_id
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments, f"attributes.run_id LIKE '{run_id}%'", max_results=2)
    if len(found) > 1:
        ids = " and ".join(run.info.run_id for run in found)
        raise UserError(f"The id {run_id} is ambiguous: it is the beginning of {ids}.")
    return found[0].info.run_id if found else run_id


def _get_run(client: Any, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        short = re.fullmatch(r"[0-9a-f]{1,5}", run_id)
        hint = "; the beginning of an id must have at least 6 characters" if short else ""
        if client.get_experiment_by_name(run_id):
            hint = f", but a study of this name; `fmask runs {run_id}` lists its runs"
        raise UserError(f"{without_secrets(tracking_uri())} has no run {run_id!r}{hint}.") from error


def _as_info(client: Any, run: Any, experiment: str | None = None) -> RunInfo:
    datasets = {
        tag.value: f"{used.dataset.name}@{used.dataset.digest}"
        for used in run.inputs.dataset_inputs
        for tag in used.tags
        if tag.key == "mlflow.data.context"
    }
    photos = {
        tag.value: json.loads(used.dataset.profile).get("photos")
        for used in run.inputs.dataset_inputs
        for tag in used.tags
        if tag.key == "mlflow.data.context" and used.dataset.profile
    }
    trained = "epochs" in run.data.params
    metrics = rename_metrics(run.data.metrics) if trained else dict(run.data.metrics)
    return RunInfo(
        id=run.info.run_id,
        name=run.info.run_name,
        experiment=experiment or client.get_experiment(run.info.experiment_id).name,
        status=run.info.status,
        started=datetime.fromtimestamp(run.info.start_time / 1000),
        params=rename_params(run.data.params),
        metrics=metrics,
        tags=dict(run.data.tags),
        datasets=datasets,
        artifacts=run.info.artifact_uri,
        photos={split: count for split, count in photos.items() if isinstance(count, int)},
    )
