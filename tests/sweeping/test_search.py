"""Searches: killed, shared by two processes, with failing trials, with pruning."""

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from fmask import tracking
from fmask.sweeping.optuna_study import open_storage
from tests.helpers.toys import artifacts, lines

Swept = Callable[..., tuple[int, str]]
SEARCH = ("hydra/sweeper=optuna", "hydra.sweeper.maximize=[value]", "hydra.sweeper.watch=val")
IN_PROCESS = "hydra/launcher=basic"


def load(name: str, storage: str = "sweeps.journal") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=open_storage(storage, Path.cwd()))


def finished(optuna_study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return optuna_study.get_trials(states=(TrialState.COMPLETE,))


def test_a_killed_search_resumes(start: Callable[..., BaseProcess], swept: Swept, store: Path) -> None:
    command = (*SEARCH, "study=killed", "x=interval(0,10)", "pause=0.5", "hydra.sweeper.trials=6")
    process = start(*command)
    while len(lines(store / "began.txt")) < 3:
        assert process.is_alive()
        time.sleep(0.05)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    before = {trial.number: trial.params for trial in finished(load("killed"))}
    assert sorted(before) == [0, 1]

    code, output = swept(*command)
    assert code == 0, output
    trials = load("killed").get_trials()
    assert len(finished(load("killed"))) == 6
    assert [trial.number for trial in trials if trial.state != TrialState.COMPLETE] == [2]
    again = next(trial for trial in trials if trial.user_attrs.get("instead_of") == 2)
    assert again.params == trials[2].params
    done = lines(store / "done.txt")
    assert sorted(map(int, done)) == [0, 1, 3, 4, 5, 6]
    jobs = [path.parent for path in store.glob("multirun/killed/*/*/.hydra")]
    assert sorted(int(job.name) for job in jobs) == [0, 1, 2, 3, 4, 5, 6]
    (parent,) = tracking.find_runs("killed")
    assert parent.status == "FINISHED"
    table = (artifacts(parent) / "table.csv").read_text()
    assert [line.split(",")[0] for line in table.splitlines()] == ["job", "0", "1", "3", "4", "5", "6"]


@pytest.mark.parametrize("storage", ["sweeps.journal", "sqlite:///studies.db"])
def test_two_processes_share_a_study(start: Callable[..., BaseProcess], store: Path, storage: str) -> None:
    where = f"hydra.sweeper.storage='{storage}'"
    command = (*SEARCH, IN_PROCESS, where, "study=shared", "x=interval(0,10)", "pause=0.3", "hydra.sweeper.trials=8")
    processes = [start(*command) for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    trials = finished(load("shared", storage))
    assert len(trials) == 8
    assert len({trial.user_attrs["worker"]["pid"] for trial in trials}) == 2
    assert len(lines(store / "done.txt")) == len(set(lines(store / "done.txt"))) == 8
    assert [run.status for run in tracking.find_runs("shared")] == ["FINISHED"]


def test_a_failing_trial_is_reported_and_the_others_run(swept: Swept) -> None:
    code, output = swept("--config-name=search")
    trials = load("failing").get_trials()
    broken = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert len(trials) == 6
    assert 0 < len(broken) < 5
    assert {trial.user_attrs["error"] for trial in broken} == {"ValueError: the job is broken"}
    assert all(set(trial.params) == {"kind"} for trial in broken)
    assert code == 1
    assert f"{len(broken)} of 6 jobs failed:" in output
    assert f"job {broken[0].number} (kind=broken): ValueError: the job is broken" in output
    (parent,) = tracking.find_runs("failing")
    assert parent.status == "FAILED"
    logged = {path.name for path in artifacts(parent).rglob("*.*")}
    expected = {"pareto_front.png", "history_value.png", "importance_cost.png", "comparison.png", "table.md"}
    assert expected <= logged


def test_pruning_saves_epochs_and_finds_the_same_best(swept: Swept, store: Path) -> None:
    epochs, best = {}, {}
    for pruner in ("NopPruner", "MedianPruner"):
        command = (*SEARCH, IN_PROCESS, f"study={pruner}", "x=range(0,10,0.5)", "kind=epochs")
        sampler = ("hydra.sweeper.sampler.name=QMCSampler", "hydra.sweeper.sampler.seed=1")
        code, output = swept(*command, *sampler, f"hydra.sweeper.pruner.name={pruner}", "hydra.sweeper.trials=16")
        assert code == 0, output
        epochs[pruner] = len((store / "epochs.txt").read_text())
        best[pruner] = load(pruner).best_value
        (store / "epochs.txt").unlink()
    assert epochs["NopPruner"] == 16 * 20
    assert epochs["MedianPruner"] < 0.7 * epochs["NopPruner"]
    assert best["MedianPruner"] >= best["NopPruner"]
    pruned = load("MedianPruner").get_trials(states=(TrialState.PRUNED,))
    assert pruned[0].user_attrs["error"].startswith("val -")


def test_a_study_is_refused_to_a_different_search(swept: Swept) -> None:
    command = (*SEARCH, IN_PROCESS, "study=other", "hydra.sweeper.trials=1")
    assert swept(*command, "x=interval(0,10)")[0] == 0
    code, output = swept(*command, "x=interval(0,20)")
    assert code == 2
    assert "was created with space = {'x': 'interval(0,10)'}, not {'x': 'interval(0,20)'}" in output
    assert "Traceback" not in output
    code, output = swept(*command, "x=interval(0,10)", "hydra.sweeper.pruner.name=Median")
    assert "hydra.sweeper.pruner.name must be one of HyperbandPruner, MedianPruner," in output


def test_a_search_for_a_metric_that_no_job_returns_stops(swept: Swept, store: Path) -> None:
    command = ("hydra/sweeper=optuna", "hydra.sweeper.maximize=[vlaue]", "study=typo", "x=interval(0,10)")
    code, output = swept(*command, "hydra.sweeper.trials=6")
    assert code == 2
    assert "The search has stopped, because no trial has a value of its objectives; job 0: " in output
    assert "it returned no value for vlaue; its metrics are cost, threads, value." in output
    assert len(lines(store / "done.txt")) == 1
    (parent,) = tracking.find_runs("typo")
    assert parent.status == "FAILED"


def test_a_pruned_job_is_named_on_the_terminal(swept: Swept) -> None:
    pruner = ("hydra.sweeper.pruner.name=ThresholdPruner", "+hydra.sweeper.pruner.lower=0")
    code, output = swept(*SEARCH, "study=pruned", "x=interval(0,10)", "kind=epochs", "hydra.sweeper.trials=1", *pruner)
    assert code == 0, output
    assert "job 0 was pruned: val -" in output
