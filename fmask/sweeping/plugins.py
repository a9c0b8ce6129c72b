"""Settings of sweepers and launchers, `hydra.sweeper.*` and `hydra.launcher.*`, made known to Hydra."""

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
METRICS = ["found", "found_wrongly", "missed", "accuracy", "precision", "mask_ap50", "cpu_seconds"]


@dataclass
class GridConf:
    """hydra/sweeper=grid"""

    _target_: str = "hydra_plugins.fmask.GridSweeper"
    resume: bool = False
    """Do not run jobs again that have finished in the same study, with the same configuration to the last value."""
    metrics: list[str] = field(default_factory=lambda: list(METRICS))
    """Columns of the table."""


@dataclass
class SearchConf:
    """hydra/sweeper=optuna"""

    _target_: str = "hydra_plugins.fmask.OptunaSweeper"
    study: str = "${study}"
    """Name of the Optuna study: one that is there is gone on with."""
    storage: str = "sweeps.journal"
    """A journal file, or a database URL such as postgresql://me@host/studies. One with a password is taken only as
    ${oc.env:NAME}, for Hydra keeps its settings, as they were written, in each job's folder."""
    trials: int = 20
    """How many the study is to have in the end, whichever process runs them."""
    batch: int = "${oc.select:hydra.launcher.jobs,1}"  # type: ignore[assignment]
    """Trials launched together; the next ones wait for all of them."""
    maximize: list[str] = field(default_factory=lambda: ["val/mask_ap50"])
    minimize: list[str] = field(default_factory=list)
    """Metrics of a finished run. With more than one the search is for the Pareto front."""
    watch: str | None = "val_mask_ap50"
    """Metric of an epoch by which trials are pruned, to be better in the same direction as the objective. Optuna prunes
    only where there is one objective."""
    space: dict[str, Any] = field(default_factory=dict)
    """What to choose from, beside what the command line says; see `fmask.sweeping.space`."""
    sampler: dict[str, Any] = field(default_factory=lambda: {"name": "TPESampler", "seed": None})
    """Any of optuna.samplers, with its arguments."""
    pruner: dict[str, Any] = field(default_factory=lambda: {"name": "MedianPruner"})
    """Any of optuna.pruners, with its arguments."""
    metrics: list[str] = field(default_factory=lambda: list(METRICS))
    """Columns of the table, beside the objectives."""


@dataclass
class LocalConf:
    """hydra/launcher=local"""

    _target_: str = "hydra_plugins.fmask.LocalLauncher"
    jobs: int = 1
    """How many run side by side."""


def register() -> None:
    """Makes the choices `hydra/sweeper=grid`, `hydra/sweeper=optuna` and `hydra/launcher=local` known to Hydra.

    Hydra takes plugins only from modules below `hydra_plugins`, by import. Ours is made here, not found in a folder.
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
