"""Reports from inside a job to its Optuna trial: intermediate values, and the result.

The job itself reports its result, not the sweep that launched it: a finished job counts even if the sweep was killed.
"""

import logging
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from fmask import tracking
from fmask.sweeping.heartbeat import heartbeat
from fmask.sweeping.job import Job, JobResult
from fmask.sweeping.optuna_study import build_component, open_storage
from fmask.sweeping.retry import STORAGE_ERRORS, one_line, retry_briefly, retry_long
from fmask.utils.errors import Pruned

_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}

log = logging.getLogger(__name__)


class TrialJob(Job):
    """A job that is a trial of a search."""

    def run(self, config: DictConfig) -> JobResult:
        """Run the task and report its result to the search."""
        trial = CurrentTrial()
        before = _current.set(trial)
        try:
            with heartbeat([trial.trial]):
                return trial.tell(super().run(config))
        finally:
            _current.reset(before)


class CurrentTrial:
    """The trial of the job that runs in this process."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = OmegaConf.to_container(HydraConfig.get().sweeper, resolve=True)  # type: ignore
        storage = open_storage(self.settings["storage"], Path(HydraConfig.get().runtime.cwd))
        pruner = build_component(optuna.pruners, "pruner", self.settings["pruner"])
        optuna_study = optuna.load_study(study_name=self.settings["study"], storage=storage, pruner=pruner)
        number = int(os.environ[tracking.TRIAL_VARIABLE])
        self.trial = Trial(optuna_study, optuna_study.get_trials(deepcopy=False)[number]._trial_id)
        self.watch = self.settings["watch"] if len(optuna_study.directions) == 1 else None

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Report the watched metric after `step` epochs, if `metrics` contains it.

        If the storage stays unreachable, the value is not reported and training continues.

        Raises:
            Pruned: the pruner has decided to end the trial.
        """
        if self.watch is None or self.watch not in metrics:
            return
        value = float(metrics[self.watch])
        try:
            retry_briefly(self.trial.report, value, step)
            should_prune = retry_briefly(self.trial.should_prune)
        except STORAGE_ERRORS as error:
            log.warning("Epoch %d could not be reported to the search (%s); training continues.", step, one_line(error))
            return
        if should_prune:
            raise Pruned(f"{self.watch} {value:.4g} after epoch {step}")

    def tell(self, result: JobResult) -> JobResult:
        """Report the job's result and return it; a result without the objectives becomes a failure.

        If the storage stays unreachable, the sweep reports the result when it gets it from the launcher.
        """
        try:
            return tell(self.trial, result, self.settings)
        except STORAGE_ERRORS as error:
            log.warning("The result could not be reported to the search (%s).", one_line(error))
            return result


_current: ContextVar[CurrentTrial] = ContextVar("trial")


def current() -> CurrentTrial:
    """Return the trial of the job that runs in this process; only inside a search."""
    return _current.get()


def tell(trial: Trial, result: JobResult, settings: Mapping[str, Any]) -> JobResult:
    """End a trial with a job's result, unless it has already ended.

    The error and the metrics of the table are stored as user attributes of the trial.

    Args:
        trial: the job's trial.
        result: the job's result.
        settings: a `SearchConf`; a finished job must have values for its objectives.

    Returns:
        The result that was stored: a failure if the objectives are missing.
    """
    values: list[float] = []
    if result.status == "finished":
        names = [*settings["maximize"], *settings["minimize"]]
        values = [result.metrics.get(name, math.nan) for name in names]
        missing = [name for name, value in zip(names, values, strict=True) if math.isnan(value)]
        if missing:
            known = ", ".join(sorted(result.metrics)) or "none"
            error = f"it returned no value for {', '.join(missing)}; its metrics are {known}"
            result = JobResult("failed", error=error, lacks_objective=True)
            values = []  # Optuna accepts no values for a failed trial
    metrics = {name: value for name, value in result.metrics.items() if name in settings["metrics"]}

    def end() -> None:
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr("metrics", metrics)
            trial.set_user_attr("error", result.error)
            trial.study.tell(trial, values or None, _STATES[result.status], skip_if_finished=True)

    retry_long(end)
    return result
