"""Every combination of the values that the command line lists."""

import itertools
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from fmask import tracking
from fmask.errors import UserError
from fmask.sweeping.space import values_of
from fmask.sweeping.sweeper import ParentSweeper
from fmask.sweeping.table import Row


class GridSweeper(ParentSweeper):
    """Runs the whole grid; a job that fails does not stop the others."""

    __module__ = "hydra_plugins.fmask"  # the name that Hydra knows it by

    def __init__(self, **_: Any) -> None:
        """Settings are read from the configuration, see `GridConf`."""

    def run(self, overrides: list[Override]) -> None:
        jobs = combinations(overrides)
        varied = [override.get_key_element() for override in overrides if override.is_sweep_override()]
        name = " ".join(override.input_line or "" for override in overrides if override.is_sweep_override())
        tags = {"sweep": "grid"}
        with tracking.start({}, self.experiment, f"sweep {name}", tags, output_dir=self.folder) as parent:
            parent.log_text("\n".join(override.input_line or "" for override in overrides) + "\n", "overrides.txt")
            results = self.launch(jobs, parent, first=0)
            rows = [
                Row(number, {key: value for key, value in map(_split, job) if key in varied}, result)
                for number, (job, result) in enumerate(zip(jobs, results, strict=True))
            ]
            self.publish(rows, parent)


def combinations(overrides: Sequence[Override]) -> list[list[str]]:
    """The overrides of each job of a grid.

    Raises:
        UserError: an override stands for no value, or for an interval.
    """
    axes = []
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(f"{override.input_line}: a grid takes no intervals; hydra/sweeper=optuna does.")
        axes.append([f"{override.get_key_element()}={value}" for value in values_of(override)])
    return [list(job) for job in itertools.product(*axes)]


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key, value
