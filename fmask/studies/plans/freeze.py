"""Freezing a plan in the tracking store, and the runs that a frozen plan still needs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fmask import tracking
from fmask.studies.plans.frozen import CHANGES, PLAN_JSON, PLAN_TAG, PLAN_YAML, changes, frozen_plans
from fmask.studies.plans.load import LoadedPlan
from fmask.studies.plans.rows import deviations, run_overrides
from fmask.studies.runs import Study, settings_of, trainings
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Frozen:
    """The result of freezing a plan."""

    version: int
    """1 for the first plan of a study; amendments are numbered from 2."""
    run: str
    """Id of the MLflow run that has the plan."""
    is_new: bool
    """False if the plan was frozen already."""
    changed: list[str]
    """What an amendment changes."""
    started: int
    """Number of runs that the study has."""


def freeze(plan: LoadedPlan) -> Frozen:
    """Record a plan as an MLflow run of its study.

    A plan that differs from the last one is recorded as an amendment, a child run of the first plan. Earlier plans are
    kept.

    Raises:
        UserError: the store cannot be used.
    """
    runs = tracking.find_runs(plan.values.study, missing_ok=True)
    plans, recorded = frozen_plans(runs), _plan_runs(runs)
    started = len(trainings(runs))
    if plans and plans[-1].content.digest == plan.content.digest:
        return Frozen(len(plans), recorded[-1].id, False, [], started)
    version = len(plans) + 1
    changed = changes(plans[-1].content, plan.content) if plans else []
    tags = {PLAN_TAG: plan.content.digest, "plan_version": str(version)}
    if recorded:
        tags["mlflow.parentRunId"] = recorded[0].id
    name = "plan" if version == 1 else f"plan, amendment {version - 1}"
    with tracking.start_run({}, plan.values.study, name, tags, Path("outputs")) as run:
        run.log_text(plan.text, PLAN_YAML)
        run.log_json(asdict(plan.content), PLAN_JSON)
        if changed:
            run.log_text("".join(f"{each}\n" for each in changed), CHANGES)
    return Frozen(version, run.id, True, changed, started)


def planned_jobs(plan: LoadedPlan, elsewhere: Sequence[Study] = ()) -> tuple[list[list[str]], str]:
    """Return the planned runs that have not finished yet, and the run that records the plan.

    Args:
        plan: the plan.
        elsewhere: runs from other machines, as read by `read_runs`.

    Returns:
        The overrides of each run: by seed, then by row, then by fold; and the id of the study's first plan.

    Raises:
        UserError: the plan has not been frozen, its file differs from the frozen one, or the other runs are not of its
            study.
    """
    runs = tracking.find_runs(plan.values.study, missing_ok=True)
    plans = frozen_plans(runs)
    if not plans:
        raise UserError(f"{plan.file} has not been frozen; run `fmask plan {plan.file}` first.")
    if differs := changes(plans[-1].content, plan.content):
        more = f" and {len(differs) - 1} more" if len(differs) > 1 else ""
        raise UserError(
            f"{plan.file} differs from the plan frozen at {plans[-1].time:%Y-%m-%d %H:%M} ({differs[0]}{more}); run "
            f"`fmask plan {plan.file}` to record the change."
        )
    if others := [study.name for study in elsewhere if study.name != plan.values.study]:
        raise UserError(f"finished=: the runs are of the study {others[0]}; they must be of {plan.values.study}.")
    where = "folds" if plan.values.folds else "test"
    ended = [(run.datasets, settings_of(run.params)) for run in trainings(runs) if run.status == "FINISHED"]
    ended += [(run.data, run.params) for study in elsewhere for run in study.runs if run.counts]
    done = [params for data, params in ended if data.get(where) == plan.content.data]
    jobs = []
    for seed in plan.content.seeds:
        for row in plan.rows.values():
            same = {
                params.get("fold") for params in done
                if params.get("seed") == str(seed) and not deviations(params, row.params)
            }  # fmt: skip
            for fold in range(1, plan.values.folds + 1) if plan.values.folds else (None,):
                if (None if fold is None else str(fold)) not in same:
                    jobs.append([*row.overrides, *run_overrides(plan.values, seed, fold)])
    return jobs, _plan_runs(runs)[0].id


def _plan_runs(runs: Sequence[tracking.RunInfo]) -> list[tracking.RunInfo]:
    return sorted((run for run in runs if PLAN_TAG in run.tags), key=lambda run: (run.started, run.id))
