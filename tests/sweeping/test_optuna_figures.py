"""Optuna's figures are drawn with axes that can be read."""

import io

import matplotlib
import optuna
import pytest

from fmask.sweeping.optuna_figures import search_figures


@pytest.mark.parametrize("trials", [2, 3, 30])
def test_trials_are_whole_numbers(trials: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials)
    figure = dict(search_figures(study, ["value"]))["history_value"]
    figure.savefig(io.BytesIO())
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    labels = [each.get_text() for each in axes.get_xticklabels() if low <= each.get_position()[0] <= high]
    assert labels
    assert all(label.isdecimal() for label in labels), labels


def test_figures_drawn_later_keep_their_style() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with matplotlib.rc_context({"axes.facecolor": "white"}):
        assert dict(search_figures(study, ["value"]))
        assert matplotlib.rcParams["axes.facecolor"] == "white"
