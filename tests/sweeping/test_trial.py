"""Reports of a trial whose storage is unreachable for a while, or for long."""

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
    """A storage that raises an error in the next `failures` calls that write to it."""

    failures = 0

    def write(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is gone")
        return method(*arguments, **named)

    def set_trial_intermediate_value(self, *arguments: Any, **named: Any) -> None:
        self.write(super().set_trial_intermediate_value, *arguments, **named)

    def set_trial_user_attr(self, *arguments: Any, **named: Any) -> None:
        self.write(super().set_trial_user_attr, *arguments, **named)

    def set_trial_state_values(self, *arguments: Any, **named: Any) -> bool:
        return self.write(super().set_trial_state_values, *arguments, **named)


@pytest.fixture
def storage() -> Flaky:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return Flaky()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between retries, which take no time."""
    slept: list[float] = []
    for policy in (trial.retry_briefly, trial.retry_long):
        monkeypatch.setattr(policy, "sleep", slept.append)
    return slept


@pytest.fixture
def current(storage: Flaky, pauses: list[float]) -> CurrentTrial:
    made = CurrentTrial.__new__(CurrentTrial)
    made.trial = optuna.create_study(storage=storage, direction="maximize").ask()
    made.settings, made.watch = SETTINGS, "val"
    return made


def test_an_epoch_is_reported_when_the_storage_is_reachable_again(
    current: CurrentTrial, storage: Flaky, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    storage.failures = 3
    current.report(1, {"val": 0.1})
    assert current.trial.study.trials[0].intermediate_values == {1: 0.1}
    assert pauses == [0.5, 2, 8]
    assert caplog.messages == [
        f"The search's storage is unreachable (OSError: the disk is gone); retrying in {pause:g} s." for pause in pauses
    ]


def test_training_continues_without_its_storage(
    current: CurrentTrial, storage: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    storage.failures = 4
    current.report(1, {"val": 0.1})
    expected = "Epoch 1 could not be reported to the search (OSError: the disk is gone); training continues."
    assert caplog.messages[-1] == expected
    current.report(2, {"val": 0.2})
    assert current.trial.study.trials[0].intermediate_values == {2: 0.2}


def test_other_errors_are_not_retried(current: CurrentTrial, pauses: list[float]) -> None:
    with pytest.raises(TypeError, match="step"):
        current.report("first", {"val": 0.1})  # type: ignore[arg-type]
    assert pauses == []


def test_a_result_is_retried_for_ten_minutes(current: CurrentTrial, storage: Flaky, pauses: list[float]) -> None:
    storage.failures = 13
    assert current.tell(RESULT) is RESULT
    assert pauses == [1, 4, 15, *[60] * 10]
    (stored,) = current.trial.study.trials
    assert (stored.state, stored.values, stored.user_attrs["metrics"]) == (TrialState.COMPLETE, [0.5], {"cost": 2.0})


def test_a_result_that_the_job_could_not_report_is_reported_once(current: CurrentTrial, storage: Flaky) -> None:
    storage.failures = 14
    assert current.tell(RESULT) is RESULT
    assert current.trial.study.trials[0].state == TrialState.RUNNING
    assert tell(current.trial, RESULT, SETTINGS) is RESULT
    tell(current.trial, JobResult("failed", error="its process died"), SETTINGS)
    (stored,) = current.trial.study.trials
    assert (stored.state, stored.values, stored.user_attrs["error"]) == (TrialState.COMPLETE, [0.5], "")


def test_a_result_without_the_objective_is_a_failure(current: CurrentTrial) -> None:
    assert (
        current.tell(JobResult("finished", {"cost": 2.0})).error == "it returned no value for val; its metrics are cost"
    )
    assert current.trial.study.trials[0].state == TrialState.FAIL
