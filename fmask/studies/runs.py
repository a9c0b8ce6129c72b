"""The runs of a study, read from MLflow or merged from several places."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from fmask import tracking
from fmask.evaluation.matches import PhotoMatches, from_json
from fmask.evaluation.outcomes import Outcome
from fmask.structures.hierarchy import parents_name
from fmask.studies.plans.frozen import PLAN_TAG, FrozenPlan, frozen_plans
from fmask.utils.errors import UserError

CONFIDENCES = (0.5, 0.9)
"""The confidences at which every run is scored on the test photos, besides its own `min_confidence`."""
NOT_SETTINGS = {"study", "threads", "keep_weights", "data.root"} | {
    f"data.{name}" for name in ("classes", "attribute", "map", "empty_photos", "boxes", "groups")
}
"""Params that do not affect training: the MLflow experiment, the number of processors, the weight files that stay, the
folder of the photos, and how their annotations and groups are read: the digests of the data depend on what is read."""
DEALING = {"data.folds", "data.fold_splits", "data.fold_seed"}
"""Params that do not affect a run without a fold."""
MADE_WITH = {
    "mlflow.source.git.commit": "git commit",
    "git_dirty": "uncommitted changes",
    "python": "Python",
    "keras": "Keras",
    "numpy": "NumPy",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "device": "device",
}
"""Tags of a run that may change its numbers, and what tables call them."""
TEACHERS = "distill.teachers"
DISTILLING = {TEACHERS, "distill.weight"}
"""Params that do not affect a run without teachers."""
SHARE, WHOLE = "data.share", "1"
"""The param with the share of the training photos, and its value if it is not among the settings of a run."""
SHARE_SEED = "data.share_seed"
"""The param with the seed of its draw, which is not among the settings of a run if it is the default, 0."""
UNSET = ("", "null")
"""Values of params that are not set."""


@dataclass(frozen=True)
class Scored:
    """The scores of a run on the test photos at one confidence; detections with a lower score do not count."""

    outcomes: dict[tuple[str, int], Outcome]
    """The outcome of each annotated object, by its photo and region."""
    spurious: int
    """Number of detections that claim no object."""
    detections: dict[str, int] | None
    """Number of detections in each photo with objects or detections; None in files of version 0.1."""


@dataclass(frozen=True)
class StudyRun:
    """The data of one run that a study uses."""

    id: str
    name: str
    started: datetime
    status: str
    """RUNNING, FINISHED, FAILED, KILLED or SCHEDULED."""
    params: dict[str, str]
    data: dict[str, str]
    """The data set of each split (train, val, test), and with folds of the deal (`folds`), as `name@digest`."""
    val_mask_ap50: float | None
    cpu_seconds: float | None
    scores: dict[float, Scored]
    """Scores by confidence; empty for a run that did not finish or was not scored."""
    matches: dict[str, PhotoMatches] | None = None
    """The matches of masks in each test photo, by its name; None for a run of a version that did not log them."""
    groups: dict[str, str] = field(default_factory=dict)
    """The group of each test photo that `data.groups` lists, such as its person, site or film."""
    train_photos: int | None = None
    """Number of photos that it was trained on; None if it was not recorded."""
    made_with: dict[str, str] = field(default_factory=dict)
    """The code, packages and device of the run, as far as they were recorded; see `MADE_WITH`."""
    missing_artifacts: str = field(default="", compare=False)
    """The folder in which MLflow recorded the artifacts if they are not in it, so that the scores are unknown."""

    @property
    def counts(self) -> bool:
        """Whether the run can be part of a table."""
        return self.status == "FINISHED" and bool(self.scores)

    @property
    def fold(self) -> int | None:
        """The number of the fold that the run was tested on; None for the test split of the data set."""
        return int(self.params["fold"]) if "fold" in self.params else None

    @property
    def min_confidence(self) -> float | None:
        """The run's own `min_confidence`; None if it was not logged."""
        return float(self.params["min_confidence"]) if "min_confidence" in self.params else None


@dataclass(frozen=True)
class Study:
    """All runs of one study, oldest first."""

    name: str
    runs: tuple[StudyRun, ...]
    plans: tuple[FrozenPlan, ...] = ()
    """What was frozen with `fmask plan`, oldest first."""


def collect(name: str, parents: bool = False) -> Study:
    """Read the runs of an MLflow experiment.

    Sweeps themselves and runs of `fmask reproduce` are left out.

    Args:
        name: the experiment's name, the setting `study` of its runs.
        parents: whether runs with a hierarchy of classes have the scores, and the data, at the parents. Others have
            their own.

    Raises:
        UserError: there is no such experiment, it has no runs, or the MLflow store cannot be used.
    """
    found = tracking.find_runs(name)
    trained = trainings(found)
    if not trained and any(PLAN_TAG in run.tags for run in found):
        raise UserError(
            f"The study {name!r} has a plan but no runs yet; `fmask sweep plan=FILE` trains the planned runs."
        )
    if not trained:
        raise UserError(f"The study {name!r} has no runs yet; `fmask train study={name}` adds one.")
    runs = sorted((_from_mlflow(run, parents) for run in trained), key=lambda run: (run.started, run.id))
    return Study(name, tuple(runs), frozen_plans(found))


def trainings(found: Sequence[tracking.RunInfo]) -> list[tracking.RunInfo]:
    """Return those of the MLflow runs of a study that are trainings, without those of `fmask reproduce`."""
    parents = {run.tags.get("mlflow.parentRunId") for run in found}  # sweeps, which train nothing themselves
    # A reproduced run repeats a seed, so it is not another observation.
    return [run for run in found if run.id not in parents and not {"sweep", PLAN_TAG, "reproduces"} & run.tags.keys()]


def merge(parts: Sequence[Study]) -> Study:
    """Merge studies, such as those of several machines.

    Returns:
        A study with the name of the first part and the runs of all parts; a run that occurs twice is kept once, with
        its scores if one of the parts has them.
    """
    each = sorted((run for part in parts for run in part.runs), key=lambda run: not run.missing_artifacts)
    runs = {run.id: run for run in each}
    plans = {(plan.time, plan.content.digest): plan for part in parts for plan in part.plans}
    return Study(
        parts[0].name,
        tuple(sorted(runs.values(), key=lambda run: (run.started, run.id))),
        tuple(plan for _, plan in sorted(plans.items())),
    )


def _from_mlflow(run: tracking.RunInfo, parents: bool) -> StudyRun:
    above = {split: run.datasets[name] for split in run.datasets if (name := parents_name(split)) in run.datasets}
    own_data = {split: label for split, label in run.datasets.items() if split not in map(parents_name, above)}
    at_parents = parents and "test" in above
    test = parents_name("test") if at_parents else "test"
    scores, missing, matches = {}, "", None
    groups: dict[str, str] = {}
    own = [float(run.params["min_confidence"])] if "min_confidence" in run.params else []
    try:
        for confidence in sorted({*CONFIDENCES, *own}) if run.status == "FINISHED" else ():
            logged = tracking.read_json(run, f"scores/{test}_at_{confidence:g}.json")
            if logged is not None:
                scores[confidence] = _scored(logged)
        if scores and (logged := tracking.read_json(run, f"scores/{test}_matches.json")):
            matches = {photo: from_json(each) for photo, each in sorted(logged["photos"].items()) if each}
        if scores and run.params.get("data.groups", "null") not in UNSET:
            groups = tracking.read_json(run, tracking.GROUPS_ARTIFACT) or {}
    except tracking.MissingArtifactsError as error:
        missing = error.place
    return StudyRun(
        id=run.id,
        name=run.name,
        started=run.started,
        status=run.status,
        params=settings_of(run.params),
        data=own_data | above if at_parents else own_data,
        val_mask_ap50=run.metrics.get(f"val/{tracking.PARENTS}/mask_ap50" if at_parents else "val/mask_ap50"),
        cpu_seconds=run.metrics.get("train/cpu_seconds"),
        scores=scores,
        matches=matches,
        groups=groups,
        train_photos=run.photos.get("train"),
        made_with={name: run.tags[tag] for tag, name in MADE_WITH.items() if run.tags.get(tag)},
        missing_artifacts=missing,
    )


def settings_of(params: dict[str, str]) -> dict[str, str]:
    """Return the params that are settings of a training."""
    ignored = NOT_SETTINGS if params.get("fold", "null") not in UNSET else NOT_SETTINGS | DEALING
    if float(params.get(SHARE, WHOLE)) == float(WHOLE):
        ignored = ignored | {SHARE, SHARE_SEED}
    elif params.get(SHARE_SEED) == "0":
        ignored = ignored | {SHARE_SEED}
    if params.get(TEACHERS, "[]") == "[]":
        ignored = ignored | DISTILLING
    return {key: value for key, value in params.items() if value not in UNSET and key not in ignored}


def _scored(logged: dict[str, Any]) -> Scored:
    outcomes = {(each["photo"], each["region"]): Outcome(each["outcome"]) for each in logged["objects"]}
    detections = Counter(dict.fromkeys((each["photo"] for each in logged["objects"]), 0))
    for each in logged["objects"]:
        detections[each["photo"]] += len(each["claims"])
    detections.update(each["photo"] for each in logged["spurious"])
    return Scored(outcomes, len(logged["spurious"]), dict(detections))
