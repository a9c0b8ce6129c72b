"""A trial seen from inside its job: intermediate values go to the study, and so does what became of it.

The job itself tells the study, not the sweep that launched it: what is finished counts, whatever happens to the sweep.
"""

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial, TrialState

from fmask import tracking
from fmask.errors import Pruned
from fmask.sweeping.claims import claimed
from fmask.sweeping.job import Job, JobResult, failed
from fmask.sweeping.study import named, open_storage

_STATES = {"finished": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}


class TrialJob(Job):
    """A task whose configuration a search chose."""

    def __call__(self, config: DictConfig) -> JobResult:
        current = CurrentTrial()
        with claimed([current.trial]):
            result = super().__call__(config)
        return current.tell(result)


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

        Raises:
            Pruned: the pruner sees no use in going on.
        """
        if self.watch is None or self.watch not in metrics:
            return
        value = float(metrics[self.watch])
        self.trial.report(value, step)
        if self.trial.should_prune():
            raise Pruned(f"{self.watch} {value:.4g} after epoch {step}")

    def tell(self, result: JobResult) -> JobResult:
        """Tells the study what became of the job, and returns it; without the objectives, it has failed."""
        values: list[float] = []
        if result.status == "finished":
            names = [*self.settings["maximize"], *self.settings["minimize"]]
            values = [result.metrics.get(name, math.nan) for name in names]
            lacking = [name for name, value in zip(names, values, strict=True) if math.isnan(value)]
            if lacking:
                known = ", ".join(sorted(result.metrics)) or "none"
                result = failed(ValueError(f"no value of {', '.join(lacking)} came out; metrics are {known}"))
        kept = {name: value for name, value in result.metrics.items() if name in self.settings["metrics"]}
        tell(self.trial, result, values, kept)
        return result


def tell(
    trial: Trial, result: JobResult, values: Sequence[float] = (), metrics: Mapping[str, float] | None = None
) -> None:
    """Ends a trial, unless it has ended, with what its row of the table needs."""
    with suppress(UpdateFinishedTrialError):
        trial.set_user_attr("metrics", dict(metrics or {}))
        trial.set_user_attr("error", result.error)
        trial.study.tell(trial, list(values) or None, _STATES[result.status], skip_if_finished=True)


def current() -> CurrentTrial | None:
    """The trial of the job that runs here; None outside a search."""
    return CurrentTrial() if tracking.TRIAL_VARIABLE in os.environ else None
