"""The settings of sweepers and launchers (`hydra.sweeper.*`, `hydra.launcher.*`), and their registration in Hydra."""

import sys
from dataclasses import dataclass, field
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

MODULE = "hydra_plugins.fmask"
DEFAULT_METRICS = [
    *("test/found", "test/found_wrongly", "test/missed", "test/spurious"),
    *("test/accuracy", "test/precision", "test/precision_all", "test/mask_ap50"),
    "train/cpu_seconds",
]


@dataclass
class GridConf:
    """hydra/sweeper=grid"""

    _target_: str = "hydra_plugins.fmask.GridSweeper"
    resume: bool = False
    """Skip jobs that have finished in the same MLflow experiment with the same settings, apart from `threads` and
    `keep_weights`."""
    rows: list[Any] = field(default_factory=list)
    """Lists of overrides, such as `[[aug=none, steps=50], [aug=blur, steps=100]]`: the grid has a job for each row and
    each combination of the other values. A row replaces overrides of the same key."""
    metrics: list[str] = field(default_factory=lambda: list(DEFAULT_METRICS))
    """Metrics that are columns of the table."""


@dataclass
class SearchConf:
    """hydra/sweeper=optuna"""

    _target_: str = "hydra_plugins.fmask.OptunaSweeper"
    study: str = "${study}"
    """Name of the Optuna study; an existing one is resumed. By default that of the MLflow experiment."""
    storage: str = "sweeps.journal"
    """A journal file, or a database URL such as `postgresql://me@host/studies`. A URL with a password must be given as
    `${oc.env:NAME}`, because Hydra writes its unresolved settings into each job's folder."""
    trials: int = 20
    """Total number of trials of the Optuna study, over all processes that work on it."""
    batch: int = "${oc.select:hydra.launcher.jobs,1}"  # type: ignore[assignment]
    """Number of trials that are launched together; the next batch starts when all of them have ended."""
    maximize: list[str] = field(default_factory=lambda: ["val/mask_ap50"])
    """Metrics of a finished run to maximize."""
    minimize: list[str] = field(default_factory=list)
    """Metrics of a finished run to minimize. With several objectives, the search is for the Pareto front."""
    watch: str | None = "val/mask_ap50"
    """Metric of an epoch by which trials are pruned; null never prunes. It must improve in the same direction as the
    objective. Optuna prunes only with a single objective."""
    space: dict[str, Any] = field(default_factory=dict)
    """Parameters of the search in addition to those on the command line; see `fmask.sweeping.space`."""
    sampler: dict[str, Any] = field(default_factory=lambda: {"name": "TPESampler", "seed": None})
    """Name of a class in `optuna.samplers`, and its arguments."""
    pruner: dict[str, Any] = field(default_factory=lambda: {"name": "MedianPruner"})
    """Name of a class in `optuna.pruners`, and its arguments."""
    metrics: list[str] = field(default_factory=lambda: list(DEFAULT_METRICS))
    """Columns of the table in addition to the objectives."""


@dataclass
class LocalConf:
    """hydra/launcher=local"""

    _target_: str = "hydra_plugins.fmask.LocalLauncher"
    jobs: int = 1
    """How many jobs run in parallel."""


def register() -> None:
    """Register `hydra/sweeper=grid`, `hydra/sweeper=optuna` and `hydra/launcher=local` in Hydra.

    Hydra imports plugins only from modules below `hydra_plugins`, so a module of that name is created in memory.
    """
    from fmask.sweeping.grid import GridSweeper
    from fmask.sweeping.launcher import LocalLauncher
    from fmask.sweeping.search import OptunaSweeper

    if MODULE in sys.modules:
        return
    name, _, child = MODULE.partition(".")
    package = import_module(name) if find_spec(name) else module_from_spec(ModuleSpec(name, None, is_package=True))
    module = ModuleType(MODULE)
    sys.modules.update({name: package, MODULE: module})
    setattr(package, child, module)
    for plugin in (GridSweeper, OptunaSweeper, LocalLauncher):
        setattr(module, plugin.__name__, plugin)
        Plugins.instance().register(plugin)
    store = ConfigStore.instance().store
    store(group="hydra/sweeper", name="grid", node=GridConf, provider="fmask")
    store(group="hydra/sweeper", name="optuna", node=SearchConf, provider="fmask")
    store(group="hydra/launcher", name="local", node=LocalConf, provider="fmask")
