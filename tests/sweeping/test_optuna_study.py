"""Optuna studies whose creator died before it stored their attributes."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from fmask.sweeping.optuna_study import open_optuna_study, open_storage, wait_for_attribute
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
