"""Hydra takes sweepers and launchers from modules in this place only; ours are written in `fmask.sweeping`."""

from fmask.sweeping.config import register
from fmask.sweeping.grid import GridSweeper
from fmask.sweeping.launcher import LocalLauncher
from fmask.sweeping.search import OptunaSweeper

__all__ = ["GridSweeper", "LocalLauncher", "OptunaSweeper"]

register()
