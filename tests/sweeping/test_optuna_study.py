"""Studies whose creator died as it began them."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from fmask.sweeping.optuna_study import open_storage, open_study, wait_for
from fmask.utils.errors import UserError

SETTINGS = {
    "study": "hats",
    "storage": "sweeps.journal",
    "maximize": ["val"],
    "minimize": [],
    "sampler": {"name": "RandomSampler"},
    "pruner": {"name": "NopPruner"},
}
ASKS = {"maximize": ["val"], "space": {"x": "interval(0,1)"}}


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> optuna.Study:
    """A study whose creator has said nothing."""
    monkeypatch.setattr("fmask.sweeping.optuna_study.PATIENCE", 0.5)
    storage = open_storage("sweeps.journal", tmp_path)
    return optuna.create_study(study_name="hats", storage=storage, directions=["maximize"])


def test_an_empty_study_is_adopted(begun: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study, created = open_study(SETTINGS, tmp_path, ASKS)
    assert created
    assert begun.user_attrs["asks"] == study.user_attrs["asks"] == ASKS
    assert "s for the process that began the study 'hats'\n" in capsys.readouterr().out
    assert not open_study(SETTINGS, tmp_path, ASKS)[1]
    assert capsys.readouterr().out == "", "there is nothing to wait for"


def test_one_with_trials_or_other_objectives_is_not(begun: optuna.Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hats' in sweeps.journal is another program's: choose another study=NAME"):
        open_study(SETTINGS | {"maximize": [], "minimize": ["cost"]}, tmp_path, ASKS)
    begun.add_trial(optuna.create_trial(state=TrialState.COMPLETE, value=1.0))
    with pytest.raises(UserError, match="another program's"):
        open_study(SETTINGS, tmp_path, ASKS)


def test_what_never_comes_is_none(begun: optuna.Study) -> None:
    assert wait_for(begun, "parent") is None


def test_no_study_is_begun_where_mlflow_is_away(swept: Callable[..., tuple[int, str]], store: Path) -> None:
    Path("mlflow.db").write_text("no database" * 100)
    code, output = swept("hydra/sweeper=optuna", "hydra.sweeper.maximize=[value]", "study=none", "x=interval(0,10)")
    assert code == 2
    assert "mlflow.db cannot be used" in output
    assert not (store / "sweeps.journal").exists()
