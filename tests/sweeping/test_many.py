"""Four processes share a search, and every trial is recorded once; FMASK_LOAD=1 raises the 12 trials to 200."""

import os
from collections import Counter
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
from optuna.trial import TrialState

from fmask import tracking
from fmask.sweeping.optuna_study import open_storage
from tests.helpers.toys import artifacts, lines

TRIALS = 200 if os.environ.get("FMASK_LOAD") else 12


def test_every_trial_is_recorded_once(start: Callable[..., BaseProcess], store: Path) -> None:
    search = ("hydra/sweeper=optuna", "hydra.sweeper.maximize=[value]", "hydra.sweeper.watch=null")
    command = (*search, "hydra/launcher=basic", "study=many", "x=interval(0,10)", f"hydra.sweeper.trials={TRIALS}")
    processes = [start(*command) for _ in range(4)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    optuna_study = optuna.load_study(study_name="many", storage=open_storage("sweeps.journal", store))
    counted = [trial for trial in optuna_study.trials if "dropped" not in trial.user_attrs]
    assert [trial.state for trial in counted] == [TrialState.COMPLETE] * TRIALS
    done = Counter(map(int, lines(store / "done.txt")))
    assert done == {trial.number: 1 for trial in counted}
    assert all(trial.value == -((trial.params["x"] - 3) ** 2) for trial in counted)
    (parent,) = tracking.find_runs("many")
    rows = (artifacts(parent) / "table.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(",")[0]) for row in rows) == sorted(done)
