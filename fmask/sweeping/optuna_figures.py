"""Optuna's own figures of a search."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

log = logging.getLogger(__name__)


def search_figures(optuna_study: Study, objectives: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """Yield the name and the figure of each plot.

    The plots are history and parameter importances of each objective, and the Pareto front of two or three objectives.
    There are none before two trials have finished.
    """
    finished = optuna_study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < 2:
        return
    matplotlib.use("Agg")  # Optuna draws with pyplot, which would need a display
    figures: list[tuple[str, Any, dict[str, Any]]] = []
    for index, name in enumerate(objectives):
        # Required for several objectives. For one, it would remove the line of best values from the history.
        target = {"target": partial(_value, index)} if len(objectives) > 1 else {}
        file_name = name.replace("/", "_")
        figures.append((f"history_{file_name}", plots.plot_optimization_history, {"target_name": name, **target}))
        figures.append((f"importance_{file_name}", plots.plot_param_importances, {"target_name": name, **target}))
    if len(objectives) in (2, 3):
        figures.append(("pareto_front", plots.plot_pareto_front, {"target_names": list(objectives)}))
    for name, draw, arguments in figures:
        # Optuna changes the style of all later figures.
        with warnings.catch_warnings(action="ignore"), matplotlib.rc_context():
            try:
                axes = draw(optuna_study, **arguments)
            except (ValueError, RuntimeError) as error:  # such as importances where all values are equal
                log.info("The figure %s was not drawn: %s", name, error)
                continue
        if draw is plots.plot_optimization_history:  # its x axis is the number of the trial
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.figure.set_layout_engine("constrained")  # long parameter names would be cut off
        yield name, axes.figure


def _value(index: int, trial: FrozenTrial) -> float:
    return trial.values[index]
