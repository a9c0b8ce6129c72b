"""Trials of dead processes, and the limit on the number of trials."""

import os
import threading
import time
from typing import Any

import optuna
import pytest
from optuna.trial import Trial, TrialState

from fmask.sweeping.heartbeat import HEARTBEAT_TIMEOUT, MAX_ATTEMPTS, heartbeat, requeue_dead_trials
from fmask.sweeping.optuna_study import ask_trial, counted_trials


@pytest.fixture
def optuna_study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study()


def left_by(optuna_study: optuna.Study, seen: float | None = None, **worker: Any) -> Trial:
    """Return a running trial whose worker differs from this process by `worker`."""
    trial = optuna_study.ask()
    trial.suggest_float("x", 0, 1)
    with heartbeat([trial]):
        known = trial.user_attrs["worker"]
    trial.set_user_attr("worker", known | worker)
    if seen is not None:
        trial.set_user_attr("seen", seen)
    return trial


def test_a_live_process_keeps_its_trial(optuna_study: optuna.Study) -> None:
    left_by(optuna_study)
    left_by(optuna_study, host="elsewhere", pid=1)
    assert requeue_dead_trials(optuna_study) == []


def test_the_heartbeat_continues_after_a_failed_update(
    optuna_study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fmask.sweeping.heartbeat.HEARTBEAT_INTERVAL", 0.01)
    trial, failures, after = optuna_study.ask(), 0, threading.Event()
    with heartbeat([trial]):
        tell = trial.set_user_attr

        def fail_twice(key: str, value: Any) -> None:
            nonlocal failures
            if failures < 2:
                failures += 1
                raise OSError("the disk is gone")
            tell(key, value)
            after.set()

        monkeypatch.setattr(trial, "set_user_attr", fail_twice)
        assert after.wait(10)


def test_a_trial_without_a_worker_is_dead_after_a_minute(
    optuna_study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = optuna_study.ask()
    assert requeue_dead_trials(optuna_study) == []
    monkeypatch.setattr("fmask.sweeping.heartbeat.HEARTBEAT_INTERVAL", 0)
    assert [trial.number for trial in requeue_dead_trials(optuna_study)] == [asked.number]


def test_a_dead_trial_is_queued_once_with_its_parameters(optuna_study: optuna.Study) -> None:
    lost = left_by(optuna_study, born=0.0)  # another process has got its number
    silent = left_by(optuna_study, host="elsewhere", seen=time.time() - HEARTBEAT_TIMEOUT - 1)
    assert [trial.number for trial in requeue_dead_trials(optuna_study)] == [lost.number, silent.number]
    assert requeue_dead_trials(optuna_study) == []
    again = ask_trial(optuna_study, limit=2)
    assert again is not None
    assert again.suggest_float("x", 0, 1) == lost.params["x"]
    assert [trial.number for trial in counted_trials(optuna_study)] == [2, 3]


def test_a_trial_whose_process_always_dies_fails_in_the_end(optuna_study: optuna.Study) -> None:
    trial: Trial | None = left_by(optuna_study, born=0.0)
    for _ in range(MAX_ATTEMPTS - 1):
        assert requeue_dead_trials(optuna_study)
        trial = ask_trial(optuna_study, limit=1)
        assert trial is not None
        trial.set_user_attr("worker", {"host": os.uname().nodename, "pid": os.getpid(), "born": 0.0})
    assert requeue_dead_trials(optuna_study) == []
    (failed,) = counted_trials(optuna_study)
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["error"] == "its process died 3 times"


def test_no_more_trials_are_asked_for_than_the_limit(
    optuna_study: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask_trial(optuna_study, limit=1)
    assert ask_trial(optuna_study, limit=1) is None
    # Another process asks between the first count and `ask`:
    seen = iter([[], counted_trials(optuna_study)])
    monkeypatch.setattr("fmask.sweeping.optuna_study.counted_trials", lambda optuna_study: next(seen))
    assert ask_trial(optuna_study, limit=1) is None
    assert [trial.user_attrs.get("dropped") for trial in optuna_study.trials] == [None, "exceeds the number of trials"]
