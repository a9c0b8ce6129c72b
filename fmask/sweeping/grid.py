"""Every combination of the values that the command line lists."""

import hashlib
import itertools
import math
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf, open_dict

from fmask import tracking
from fmask.sweeping.job import JobResult
from fmask.sweeping.space import values_of
from fmask.sweeping.sweeper import ParentSweeper, env_override
from fmask.sweeping.table import Row
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

MOST_JOBS = 10_000
"""In one grid: all are looked at before the first one starts."""


class GridSweeper(ParentSweeper):
    """Runs the whole grid, or with `resume` what is missing of it; a job that fails does not stop the others."""

    __module__ = "hydra_plugins.fmask"  # the name that Hydra knows it by

    def __init__(self, **_: Any) -> None:
        """Settings are read from the configuration, see `GridConf`."""

    def run(self, overrides: list[Override]) -> None:
        jobs = combinations(overrides)
        digests = [self._digest(job) for job in jobs]
        before = self._finished() if self.settings["resume"] else {}
        waiting = [index for index, digest in enumerate(digests) if digest not in before]
        if self.settings["resume"]:
            print(f"{len(jobs) - len(waiting)} of {len(jobs)} jobs have finished before", flush=True)
        varied = [override.get_key_element() for override in overrides if override.is_sweep_override()]
        name = " ".join(override.input_line or "" for override in overrides if override.is_sweep_override())
        tags = {"sweep": "grid"}
        with tracking.start({}, self.experiment, f"sweep {name}", tags, output_dir=self.folder) as parent:
            listed = "\n".join(override.input_line or "" for override in overrides) + "\n"
            parent.log_text(without_secrets(listed), "overrides.txt")
            marked = [[*jobs[index], env_override(tracking.JOB_VARIABLE, digests[index])] for index in waiting]
            results = self.launch(marked, parent, first=0) if marked else []
            launched = dict(zip(waiting, enumerate(results), strict=True))
            rows = []
            for index, (job, digest) in enumerate(zip(jobs, digests, strict=True)):
                number, result = launched.get(index) or (None, before[digest])
                rows.append(Row(number, {key: value for key, value in map(_split, job) if key in varied}, result))
            self.publish(rows, parent)

    def _digest(self, job: Sequence[str]) -> str:
        """Tells jobs apart by their whole configuration, but for how many processors they get."""
        config = self.context.config_loader.load_sweep_config(self.master, list(job))
        with open_dict(config):
            for key in ("hydra", "threads"):
                config.pop(key, None)
        return hashlib.sha256(OmegaConf.to_yaml(config, resolve=True, sort_keys=True).encode()).hexdigest()[:16]

    def _finished(self) -> dict[str, JobResult]:
        """What came out of the jobs that have finished in earlier sweeps of this study, by their digest."""
        runs = tracking.find_runs(self.experiment, missing_ok=True)
        return {
            run.tags["job"]: JobResult("finished", run.metrics)
            for run in reversed(runs)
            if run.status == "FINISHED" and "job" in run.tags
        }


def combinations(overrides: Sequence[Override]) -> list[list[str]]:
    """The overrides of each job of a grid.

    Raises:
        UserError: an override stands for no value or for an interval, or there are more than `MOST_JOBS`.
    """
    axes: list[list[str]] = []
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(f"{override.input_line}: a grid takes no intervals; hydra/sweeper=optuna does.")
        axes.append([f"{override.get_key_element()}={value}" for value in values_of(override)])
    if (count := math.prod(map(len, axes))) > MOST_JOBS:
        raise UserError(f"The grid has {count} jobs; at most {MOST_JOBS} are taken.")
    return [list(job) for job in itertools.product(*axes)]


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key, value
