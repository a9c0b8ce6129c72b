"""A trial whose storage is away for a while, or for long."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from fmask.sweeping import trial
from fmask.sweeping.job import JobResult
from fmask.sweeping.trial import CurrentTrial, tell

SETTINGS = {"maximize": ["val"], "minimize": [], "metrics": ["cost"], "watch": "val"}
RESULT = JobResult("finished", {"val": 0.5, "cost": 2.0, "lr": 0.1})


class Flaky(InMemoryStorage):
    """A storage that does not answer the next `away` times that it is told something."""

    away = 0

    def answer(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.away:
            self.away -= 1
            raise OSError("the disk is gone")
        return act(*arguments, **named)

    def set_trial_intermediate_value(self, *arguments: Any, **named: Any) -> None:
        self.answer(super().set_trial_intermediate_value, *arguments, **named)

    def set_trial_user_attr(self, *arguments: Any, **named: Any) -> None:
        self.answer(super().set_trial_user_attr, *arguments, **named)

    def set_trial_state_values(self, *arguments: Any, **named: Any) -> bool:
        return self.answer(super().set_trial_state_values, *arguments, **named)


@pytest.fixture
def storage() -> Flaky:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Flaky()


@pytest.fixture
def current(storage: Flaky, monkeypatch: pytest.MonkeyPatch) -> CurrentTrial:
    monkeypatch.setattr(trial, "BRIEFLY", [0, 0])
    monkeypatch.setattr(trial, "LONG", [0] * 9)
    made = CurrentTrial.__new__(CurrentTrial)
    made.trial = optuna.create_study(storage=storage, direction="maximize").ask()
    made.settings, made.watch = SETTINGS, "val"
    return made


def test_an_epoch_is_told_when_the_storage_is_back(current: CurrentTrial, storage: Flaky) -> None:
    storage.away = 2
    current.report(1, {"val": 0.1})
    assert current.trial.study.trials[0].intermediate_values == {1: 0.1}


def test_a_run_goes_on_without_its_storage(
    current: CurrentTrial, storage: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    storage.away = 3
    current.report(1, {"val": 0.1})
    assert caplog.messages[-1] == "The search does not learn of epoch 1 (OSError: the disk is gone): the run goes on."
    current.report(2, {"val": 0.2})
    assert current.trial.study.trials[0].intermediate_values == {2: 0.2}


def test_what_came_out_is_told_though_it_takes_long(current: CurrentTrial, storage: Flaky) -> None:
    storage.away = 9
    assert current.tell(RESULT) is RESULT
    (told,) = current.trial.study.trials
    assert (told.state, told.values, told.user_attrs["metrics"]) == (TrialState.COMPLETE, [0.5], {"cost": 2.0})


def test_what_a_job_could_not_tell_the_sweep_tells_once(current: CurrentTrial, storage: Flaky) -> None:
    storage.away = 99
    assert current.tell(RESULT) is RESULT
    storage.away = 0
    assert current.trial.study.trials[0].state == TrialState.RUNNING
    assert tell(current.trial, RESULT, SETTINGS) is RESULT
    tell(current.trial, JobResult("failed", error="its process died"), SETTINGS)
    (told,) = current.trial.study.trials
    assert (told.state, told.values, told.user_attrs["error"]) == (TrialState.COMPLETE, [0.5], "")


def test_a_job_without_the_objective_has_failed(current: CurrentTrial) -> None:
    assert current.tell(JobResult("finished", {"cost": 2.0})).error == "no value of val came out; metrics are cost"
    assert current.trial.study.trials[0].state == TrialState.FAIL
