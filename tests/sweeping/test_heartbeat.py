"""Trials whose process is gone, and trials beyond the limit."""

import os
import threading
import time
from typing import Any

import optuna
import pytest
from optuna.trial import Trial, TrialState

from fmask.sweeping.heartbeat import ATTEMPTS, SILENCE, claimed, take_over
from fmask.sweeping.optuna_study import ask, counted


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study()


def left_by(study: optuna.Study, seen: float | None = None, **worker: Any) -> Trial:
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    with claimed([trial]):
        known = trial.user_attrs["worker"]
    trial.set_user_attr("worker", known | worker)
    if seen is not None:
        trial.set_user_attr("seen", seen)
    return trial


def test_a_living_process_keeps_its_trial(study: optuna.Study) -> None:
    left_by(study)
    left_by(study, host="elsewhere", pid=1)
    assert take_over(study) == []


def test_signs_of_life_go_on_after_one_that_failed(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fmask.sweeping.heartbeat.BEAT", 0.01)
    trial, failures, after = study.ask(), 0, threading.Event()
    with claimed([trial]):
        tell = trial.set_user_attr

        def away_twice(key: str, value: Any) -> None:
            nonlocal failures
            if failures < 2:
                failures += 1
                raise OSError("the disk is gone")
            tell(key, value)
            after.set()

        monkeypatch.setattr(trial, "set_user_attr", away_twice)
        assert after.wait(10)


def test_one_without_a_worker_is_dead_after_a_while(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = study.ask()
    assert take_over(study) == []
    monkeypatch.setattr("fmask.sweeping.heartbeat.BEAT", 0)
    assert [trial.number for trial in take_over(study)] == [asked.number]


def test_a_dead_ones_trial_is_queued_once_with_its_parameters(study: optuna.Study) -> None:
    lost = left_by(study, born=0.0)  # another process has its number now
    silent = left_by(study, host="elsewhere", seen=time.time() - SILENCE - 1)
    assert [trial.number for trial in take_over(study)] == [lost.number, silent.number]
    assert take_over(study) == []
    again = ask(study, limit=2)
    assert again is not None
    assert again.suggest_float("x", 0, 1) == lost.params["x"]
    assert [trial.number for trial in counted(study)] == [2, 3]


def test_what_kills_every_process_is_given_up(study: optuna.Study) -> None:
    trial: Trial | None = left_by(study, born=0.0)
    for _ in range(ATTEMPTS - 1):
        assert take_over(study)
        trial = ask(study, limit=1)
        assert trial is not None
        trial.set_user_attr("worker", {"host": os.uname().nodename, "pid": os.getpid(), "born": 0.0})
    assert take_over(study) == []
    (failed,) = counted(study)
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["error"] == "its process died, 3 times"


def test_no_more_trials_are_asked_for_than_wanted(study: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(study, limit=1)
    assert ask(study, limit=1) is None
    # Another process that asks between the count and the question:
    seen = iter([[], counted(study)])
    monkeypatch.setattr("fmask.sweeping.optuna_study.counted", lambda study: next(seen))
    assert ask(study, limit=1) is None
    assert [trial.user_attrs.get("dropped") for trial in study.trials] == [None, "one too many"]
