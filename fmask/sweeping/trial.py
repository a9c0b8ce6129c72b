"""A trial seen from inside its job: intermediate values go to the study, and so does what became of it.

The job itself tells the study, not the sweep that launched it: what is finished counts, whatever happens to the sweep.
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
from fmask.sweeping.heartbeat import claimed
from fmask.sweeping.job import Job, JobResult, failed
from fmask.sweeping.optuna_study import named, open_storage
from fmask.sweeping.retry import BRIEFLY, LONG, TROUBLES, in_a_line, insist
from fmask.utils.errors import Pruned, UserError

_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}

log = logging.getLogger(__name__)


class TrialJob(Job):
    """A task whose configuration a search chose."""

    def __call__(self, config: DictConfig) -> JobResult:
        trial = CurrentTrial()
        before = _current.set(trial)
        try:
            with claimed([trial.trial]):
                return trial.tell(super().__call__(config))
        finally:
            _current.reset(before)


class CurrentTrial:
    """The trial of the job that runs here."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = OmegaConf.to_container(HydraConfig.get().sweeper, resolve=True)  # type: ignore
        storage = open_storage(self.settings["storage"], Path(HydraConfig.get().runtime.cwd))
        pruner = named(optuna.pruners, "pruner", self.settings["pruner"])
        study = optuna.load_study(study_name=self.settings["study"], storage=storage, pruner=pruner)
        number = int(os.environ[tracking.TRIAL_VARIABLE])
        self.trial = Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
        self.watch = self.settings["watch"] if len(study.directions) == 1 else None

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Tells the study how the run stands after `step` epochs, if the metric that it watches is among `metrics`.

        A storage that is away for long is not told; the run goes on.

        Raises:
            Pruned: the pruner sees no use in going on.
        """
        if self.watch is None or self.watch not in metrics:
            return
        value = float(metrics[self.watch])
        try:
            insist(lambda: self.trial.report(value, step), BRIEFLY)
            hopeless = insist(self.trial.should_prune, BRIEFLY)
        except TROUBLES as error:
            log.warning("The search does not learn of epoch %d (%s): the run goes on.", step, in_a_line(error))
            return
        if hopeless:
            raise Pruned(f"{self.watch} {value:.4g} after epoch {step}")

    def tell(self, result: JobResult) -> JobResult:
        """Tells the study what became of the job, and returns it; without the objectives, it has failed.

        Where the storage is away for long, it is left to the sweep.
        """
        try:
            return tell(self.trial, result, self.settings)
        except TROUBLES as error:
            log.warning("The search could not be told what came out (%s).", in_a_line(error))
            return result


_current: ContextVar[CurrentTrial] = ContextVar("trial")


def current() -> CurrentTrial:
    """The trial of the job that runs here, in a search."""
    return _current.get()


def tell(trial: Trial, result: JobResult, settings: Mapping[str, Any]) -> JobResult:
    """Ends a trial, unless it has ended, with what its row of the table needs.

    Args:
        settings: a `SearchConf`, whose objectives the job must have.

    Returns:
        What the study was told: without the objectives, the job has failed.
    """
    values: list[float] = []
    if result.status == "finished":
        names = [*settings["maximize"], *settings["minimize"]]
        values = [result.metrics.get(name, math.nan) for name in names]
        lacking = [name for name, value in zip(names, values, strict=True) if math.isnan(value)]
        if lacking:
            known = ", ".join(sorted(result.metrics)) or "none"
            result = failed(UserError(f"no value of {', '.join(lacking)} came out; metrics are {known}"))
            values = []  # Optuna takes none for what has failed
    kept = {name: value for name, value in result.metrics.items() if name in settings["metrics"]}

    def end() -> None:
        with suppress(UpdateFinishedTrialError):
            trial.set_user_attr("metrics", kept)
            trial.set_user_attr("error", result.error)
            trial.study.tell(trial, values or None, _STATES[result.status], skip_if_finished=True)

    insist(end, LONG)
    return result
