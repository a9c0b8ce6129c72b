"""The search sweeper: Optuna proposes trials, a launcher runs them, and several processes can share one Optuna study.

Importing Optuna is slow, so the functions here import it when they are called.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from rich.console import Console

from fmask import tracking
from fmask.sweeping import space
from fmask.sweeping.job import Job, JobResult, Task
from fmask.sweeping.sweeper import ParentSweeper, env_override
from fmask.sweeping.table import Row
from fmask.utils.errors import UserError

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

POLL = 1.0
"""Seconds between checks of trials that other processes are running."""


class OptunaSweeper(ParentSweeper):
    """Runs trials of an Optuna study until it is complete; other processes may run the same search at the same time."""

    __module__ = "hydra_plugins.fmask"  # where Hydra looks for plugins

    def __init__(self, **_: Any) -> None:
        """Ignore the settings: `setup` reads them from the configuration, see `SearchConf`."""

    def job(self, task: Task, environment: Mapping[str, str]) -> Job:
        from fmask.sweeping.trial import TrialJob

        return TrialJob(task, environment)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys([*self.objectives, *super().columns]))

    @property
    def objectives(self) -> list[str]:
        """The metrics that the search optimizes."""
        return [*self.settings["maximize"], *self.settings["minimize"]]

    def run(self, overrides: list[Override]) -> None:
        from fmask.sweeping.optuna_study import open_optuna_study

        parameters, fixed = space.split(overrides, self.settings["space"], self.context.config_loader)
        if not parameters:
            raise UserError("The search has no parameters; give at least one, such as lr=interval(1e-4,1e-2).")
        definition = {
            "maximize": self.settings["maximize"],
            "minimize": self.settings["minimize"],
            "space": {each.key: f"{each.text} when {each.when}" if each.when else each.text for each in parameters},
            "overrides": sorted(fixed),
        }
        tracking.check_store()  # first: once the Optuna study exists, other processes wait for its MLflow run
        optuna_study, created = open_optuna_study(self.settings, Path.cwd(), definition)
        with self._parent(optuna_study, created) as parent:
            parent.log_json(definition, "search.json")
            while not self._is_complete(optuna_study, parent):
                if trials := self._ask(optuna_study, parameters):
                    self._launch(trials, parameters, fixed, parent)
                else:
                    time.sleep(POLL)
            self._publish(optuna_study, parent)

    @contextmanager
    def _parent(self, optuna_study: "Study", created: bool) -> Iterator[tracking.Run]:
        """Open the search's MLflow run, which all processes that work on the Optuna study share."""
        from fmask.sweeping.optuna_study import wait_for_attribute

        known = None if created else wait_for_attribute(optuna_study, "parent")
        if known:
            try:
                tracking.find_run(known)
            except UserError:
                known = None  # the MLflow store was deleted, the Optuna study was not
        name, tags = f"search {optuna_study.study_name}", {"sweep": "search"}
        with tracking.start_run({}, self.experiment, name, tags, output_dir=self.folder, resume=known) as parent:
            optuna_study.set_user_attr("parent", parent.id)
            yield parent

    def _is_complete(self, optuna_study: "Study", parent: tracking.Run) -> bool:
        """Requeue the trials of dead processes; return whether the study has all its trials and all have ended."""
        from fmask.sweeping.heartbeat import requeue_dead_trials
        from fmask.sweeping.optuna_study import counted_trials

        for trial in requeue_dead_trials(optuna_study):
            with suppress(UserError):  # an unreachable MLflow server does not stop the search
                tracking.end_abandoned_runs(parent.id, trial.number)
        trials = counted_trials(optuna_study)
        return len(trials) >= self.settings["trials"] and all(trial.state.is_finished() for trial in trials)

    def _ask(self, optuna_study: "Study", parameters: Sequence[space.Parameter]) -> "list[Trial]":
        from fmask.sweeping.optuna_study import ask_trial

        trials: list[Trial] = []
        while len(trials) < self.settings["batch"] and (trial := ask_trial(optuna_study, self.settings["trials"])):
            space.suggest(parameters, trial)
            trials.append(trial)
        return trials

    def _launch(
        self, trials: "list[Trial]", parameters: Sequence[space.Parameter], fixed: list[str], parent: tracking.Run
    ) -> None:
        from fmask.sweeping.heartbeat import heartbeat
        from fmask.sweeping.trial import tell

        jobs = [
            [
                *fixed,
                *(f"{key}={value}" for key, value in space.suggest(parameters, trial).items()),
                f"hydra.sweep.subdir={trial.number}",
                env_override(tracking.TRIAL_VARIABLE, str(trial.number)),
            ]
            for trial in trials
        ]
        with heartbeat(trials):
            results = self.launch(jobs, parent, first=trials[0].number)
            # Telling does nothing if the job itself has done so.
            pairs = zip(trials, results, strict=True)
            told = [tell(trial, result, self.settings) for trial, result in pairs]
        if all(result.lacks_objective for result in told) and not _has_value(trials[0].study):
            raise UserError(
                f"The search has stopped, because no trial has a value of its objectives; job {trials[0].number}: "
                f"{told[0].error}."
            )

    def _publish(self, optuna_study: "Study", parent: tracking.Run) -> None:
        from fmask.sweeping import optuna_figures
        from fmask.sweeping.optuna_study import counted_trials

        for name, figure in optuna_figures.search_figures(optuna_study, self.objectives):
            parent.log_figure(figure, f"figures/{name}.png")
        best = [f"job {trial.number}" for trial in optuna_study.best_trials if "dropped" not in trial.user_attrs]
        Console().print(f"best by {', '.join(self.objectives)}: {', '.join(best) or 'none'}", highlight=False)
        self.publish([self._row(trial) for trial in counted_trials(optuna_study)], parent)

    def _row(self, trial: "FrozenTrial") -> Row:
        from optuna.trial import TrialState

        statuses = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
        values = trial.values if trial.state == TrialState.COMPLETE else []
        metrics = tracking.rename_metrics(trial.user_attrs.get("metrics", {})) | dict(
            zip(self.objectives, values, strict=False)
        )
        result = JobResult(statuses[trial.state], metrics, trial.user_attrs.get("error", ""))
        return Row(trial.number, {key: _short(value) for key, value in trial.params.items()}, result)


def _has_value(optuna_study: "Study") -> bool:
    """Return whether a trial has finished with values, or was pruned."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return bool(optuna_study.get_trials(deepcopy=False, states=states))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
