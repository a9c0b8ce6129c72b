"""Optuna's own figures of a study."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as plots

log = logging.getLogger(__name__)


def search_figures(study: Study, objectives: Sequence[str]) -> Iterator[tuple[str, Figure]]:
    """Names and figures: history and importances for each objective, and the Pareto front of two or three."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < 2:
        return
    matplotlib.use("Agg")  # Optuna draws with pyplot, which would look for a screen
    wanted: list[tuple[str, Any, dict[str, Any]]] = []
    for index, name in enumerate(objectives):
        # Optuna wants to be told which value is meant only where there are several.
        target = {"target": partial(_value, index)} if len(objectives) > 1 else {}
        plain = name.replace("/", "_")
        wanted.append((f"history_{plain}", plots.plot_optimization_history, {"target_name": name, **target}))
        wanted.append((f"importance_{plain}", plots.plot_param_importances, {"target_name": name, **target}))
    if len(objectives) in (2, 3):
        wanted.append(("pareto_front", plots.plot_pareto_front, {"target_names": list(objectives)}))
    for name, draw, arguments in wanted:
        with warnings.catch_warnings(action="ignore"):
            try:
                axes = draw(study, **arguments)
            except (ValueError, RuntimeError) as error:  # such as importance where all values are the same
                log.info("No figure %s: %s", name, error)
                continue
        axes.figure.set_layout_engine("constrained")  # long names of parameters would be cut off
        yield name, axes.figure


def _value(index: int, trial: FrozenTrial) -> float:
    return trial.values[index]
