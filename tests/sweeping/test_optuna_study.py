"""Optuna studies: those whose creator died before it stored their attributes, and seeded ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from fmask.sweeping.optuna_study import ask_trial, open_optuna_study, open_storage, wait_for_attribute
from fmask.utils.errors import UserError

SETTINGS = {
    "study": "hats",
    "storage": "sweeps.journal",
    "maximize": ["val"],
    "minimize": [],
    "sampler": {"name": "RandomSampler"},
    "pruner": {"name": "NopPruner"},
}
DEFINITION = {"maximize": ["val"], "space": {"x": "interval(0,1)"}}


@pytest.fixture
def incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> optuna.Study:
    """An Optuna study without attributes."""
    monkeypatch.setattr("fmask.sweeping.optuna_study.CREATION_TIMEOUT", 0.5)
    storage = open_storage("sweeps.journal", tmp_path)
    return optuna.create_study(study_name="hats", storage=storage, directions=["maximize"])


def test_an_empty_study_is_adopted(
    incomplete: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    optuna_study, created = open_optuna_study(SETTINGS, tmp_path, DEFINITION)
    assert created
    assert incomplete.user_attrs["asks"] == optuna_study.user_attrs["asks"] == DEFINITION
    assert "s for the process that created the search 'hats'\n" in capsys.readouterr().out
    assert not open_optuna_study(SETTINGS, tmp_path, DEFINITION)[1]
    assert capsys.readouterr().out == "", "nothing to wait for"


def test_a_study_with_trials_or_other_objectives_is_refused(incomplete: optuna.Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hats' in sweeps.journal was not created by fmask; choose another one"):
        open_optuna_study(SETTINGS | {"maximize": [], "minimize": ["cost"]}, tmp_path, DEFINITION)
    incomplete.add_trial(optuna.create_trial(state=TrialState.COMPLETE, value=1.0))
    with pytest.raises(UserError, match="was not created by fmask"):
        open_optuna_study(SETTINGS, tmp_path, DEFINITION)


def test_an_attribute_that_is_never_set_is_none(incomplete: optuna.Study) -> None:
    assert wait_for_attribute(incomplete, "parent") is None


def test_no_study_is_created_if_mlflow_cannot_be_used(swept: Callable[..., tuple[int, str]], store: Path) -> None:
    Path("mlflow.db").write_text("no database" * 100)
    code, output = swept("hydra/sweeper=optuna", "hydra.sweeper.maximize=[value]", "study=none", "x=interval(0,10)")
    assert code == 2
    assert "mlflow.db cannot be used" in output
    assert not (store / "sweeps.journal").exists()


def proposals(optuna_study: optuna.Study, count: int = 4) -> list[float]:
    trials = [ask_trial(optuna_study, limit=100) for _ in range(count)]
    return [trial.suggest_float("x", 0, 1) for trial in trials if trial]


@pytest.mark.parametrize(
    "sampler",
    [
        {"name": "RandomSampler", "seed": 7},
        {"name": "TPESampler", "seed": 7, "multivariate": True},
        {"name": "TPESampler", "seed": 2**32 - 1},
        {"name": "NSGAIISampler", "seed": 7},
    ],
    ids=lambda sampler: f"{sampler['name']} {sampler['seed']}",
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_workers_that_join_a_seeded_study_at_once_propose_different_trials(
    tmp_path: Path, sampler: dict[str, Any]
) -> None:
    settings = SETTINGS | {"sampler": sampler}
    workers = [open_optuna_study(settings, tmp_path, DEFINITION)[0] for _ in range(3)]
    values = [value for worker in workers for value in proposals(worker)]
    assert len(set(values)) == len(values) == 12


def test_the_seed_of_a_single_worker_is_the_configured_one(tmp_path: Path) -> None:
    settings = SETTINGS | {"sampler": {"name": "TPESampler", "seed": 7}}
    plain = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=7))
    assert proposals(open_optuna_study(settings, tmp_path, DEFINITION)[0]) == proposals(plain)
    # A process that resumes the study counts the trials before its own.
    plain.sampler = optuna.samplers.TPESampler(seed=7 + 4)
    assert proposals(open_optuna_study(settings, tmp_path, DEFINITION)[0]) == proposals(plain)
