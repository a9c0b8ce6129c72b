"""A search by Optuna: it proposes trials, a launcher runs them, and processes on several machines share one study.

Optuna takes long to import, so only what runs a search imports it.
"""

import time
from collections.abc import Iterator, Sequence
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
"""Seconds between looks at trials that other processes are at."""


class OptunaSweeper(ParentSweeper):
    """Works on a study until it has all its trials, together with other processes that do so."""

    __module__ = "hydra_plugins.fmask"  # the name that Hydra knows it by

    def __init__(self, **_: Any) -> None:
        """Settings are read from the configuration, see `SearchConf`."""

    def job(self, task: Task) -> Job:
        from fmask.sweeping.trial import TrialJob

        return TrialJob(task)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys([*self.objectives, *super().columns]))

    @property
    def objectives(self) -> list[str]:
        return [*self.settings["maximize"], *self.settings["minimize"]]

    def run(self, overrides: list[Override]) -> None:
        from fmask.sweeping.optuna_study import open_study

        parameters, fixed = space.split(overrides, self.settings["space"], self.context.config_loader)
        if not parameters:
            raise UserError("There is nothing to search: give values such as lr=interval(1e-4,1e-2).")
        asks = {
            "maximize": self.settings["maximize"],
            "minimize": self.settings["minimize"],
            "space": {each.key: f"{each.text} when {each.when}" if each.when else each.text for each in parameters},
            "overrides": sorted(fixed),
        }
        tracking.check_store()  # first, for others wait for a study's run as soon as there is the study
        study, created = open_study(self.settings, Path.cwd(), asks)
        with self._parent(study, created) as parent:
            parent.log_json(asks, "search.json")
            while self._goes_on(study, parent):
                if trials := self._ask(study, parameters):
                    self._launch(trials, parameters, fixed, parent)
                else:
                    time.sleep(POLL)
            self._publish(study, parent)

    @contextmanager
    def _parent(self, study: "Study", created: bool) -> Iterator[tracking.Run]:
        """The study's MLflow run: one, however many processes ever work on it."""
        from fmask.sweeping.optuna_study import wait_for

        known = None if created else wait_for(study, "parent")
        if known:
            try:
                tracking.find_run(known)
            except UserError:
                known = None  # the study was kept and the MLflow store was not
        name, tags = f"search {study.study_name}", {"sweep": "search"}
        with tracking.start({}, self.experiment, name, tags, output_dir=self.folder, resume=known) as parent:
            study.set_user_attr("parent", parent.id)
            yield parent

    def _goes_on(self, study: "Study", parent: tracking.Run) -> bool:
        """Whether trials are missing or not finished; queues those anew that a dead process left."""
        from fmask.sweeping.heartbeat import take_over
        from fmask.sweeping.optuna_study import counted

        for trial in take_over(study):
            with suppress(UserError):  # MLflow may be away; the search goes on
                tracking.end_abandoned(parent.id, trial.number)
        trials = counted(study)
        return len(trials) < self.settings["trials"] or any(not trial.state.is_finished() for trial in trials)

    def _ask(self, study: "Study", parameters: Sequence[space.Parameter]) -> "list[Trial]":
        from fmask.sweeping.optuna_study import ask

        trials: list[Trial] = []
        while len(trials) < self.settings["batch"] and (trial := ask(study, self.settings["trials"])):
            space.suggest(parameters, trial)
            trials.append(trial)
        return trials

    def _launch(
        self, trials: "list[Trial]", parameters: Sequence[space.Parameter], fixed: list[str], parent: tracking.Run
    ) -> None:
        from fmask.sweeping.heartbeat import claimed
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
        with claimed(trials):
            results = self.launch(jobs, parent, first=trials[0].number)
            for trial, result in zip(trials, results, strict=True):
                tell(trial, result, self.settings)  # unless the job could do so itself

    def _publish(self, study: "Study", parent: tracking.Run) -> None:
        from fmask.sweeping import optuna_figures
        from fmask.sweeping.optuna_study import counted

        for name, figure in optuna_figures.search_figures(study, self.objectives):
            parent.log_figure(figure, f"figures/{name}.png")
        best = [trial for trial in study.best_trials if "dropped" not in trial.user_attrs]
        said = ", ".join(f"job {trial.number}" for trial in best)
        Console().print(f"best by {', '.join(self.objectives)}: {said or 'none'}", highlight=False)
        self.publish([self._row(trial) for trial in counted(study)], parent)

    def _row(self, trial: "FrozenTrial") -> Row:
        from optuna.trial import TrialState

        words = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
        values = trial.values if trial.state == TrialState.COMPLETE else []
        metrics = trial.user_attrs.get("metrics", {}) | dict(zip(self.objectives, values, strict=False))
        result = JobResult(words[trial.state], metrics, trial.user_attrs.get("error", ""))
        return Row(trial.number, {key: _short(value) for key, value in trial.params.items()}, result)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
