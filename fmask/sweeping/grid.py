"""The grid sweeper: one job for every combination of the values on the command line."""

import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict

from fmask import tracking
from fmask.sweeping.grid_parent import GRID_TAG, continue_parent, grid_digest, lock_parent
from fmask.sweeping.job import JobResult
from fmask.sweeping.space import refuse_repeated_keys, values_of
from fmask.sweeping.sweeper import ParentSweeper, env_override
from fmask.sweeping.table import Row
from fmask.utils.errors import UserError
from fmask.utils.progress import counted
from fmask.utils.secrets import without_secrets

MAX_JOBS = 10_000
"""Largest size of a grid. All its configurations are checked before the first job starts."""


class GridSweeper(ParentSweeper):
    """Runs all jobs of a grid or, with `resume`, those that have not finished yet.

    A job that fails does not stop the others.
    """

    __module__ = "hydra_plugins.fmask"  # where Hydra looks for plugins

    def __init__(self, **_: Any) -> None:
        """Ignore the settings: `setup` reads them from the configuration, see `GridConf`."""

    def run(self, overrides: list[Override]) -> None:
        rows = self.settings["rows"]
        jobs = combinations(overrides, rows)
        configs = [self._config(job) for job in counted(jobs, "Composing jobs")]
        digests = [_digest(config) for config in configs]
        studies = list(dict.fromkeys(OmegaConf.select(config, "study") or self.experiment for config in configs))
        resume = self.settings["resume"]
        earlier = [run for study in studies for run in tracking.find_runs(study, missing_ok=True)] if resume else []
        finished = _finished(earlier)
        pending = [index for index, digest in enumerate(digests) if digest not in finished]
        if resume:
            print(f"{len(jobs) - len(pending)} of {len(jobs)} jobs are already finished", flush=True)
        if pending:  # else there may be no run of this sweep in its own study
            self.experiment = OmegaConf.select(configs[pending[0]], "study") or self.experiment
        varied = _varied(overrides, rows)
        with self._parent(overrides, grid_digest(digests), earlier, bool(pending)) as parent:
            pending_jobs = [[*jobs[index], env_override(tracking.JOB_VARIABLE, digests[index])] for index in pending]
            results = self.launch(pending_jobs, parent, first=0) if parent and pending_jobs else []
            launched = dict(zip(pending, enumerate(results), strict=True))
            rows = []
            for index, (job, digest) in enumerate(zip(jobs, digests, strict=True)):
                number, result = launched.get(index) or (None, finished[digest])
                rows.append(Row(number, {key: value for key, value in map(_split, job) if key in varied}, result))
            self.publish(rows, parent)

    @contextmanager
    def _parent(
        self, overrides: Sequence[Override], grid: str, earlier: Sequence[tracking.RunInfo], is_pending: bool
    ) -> Iterator[tracking.Run | None]:
        """Open the sweep's run; None if all jobs have finished in other sweeps.

        The run of an earlier sweep with the same jobs is continued, whether its process was killed or it has ended.
        """
        name = " ".join(override.input_line or "" for override in overrides if override.is_sweep_override())
        name = name or f"of {len(self.settings['rows'])} rows" * bool(self.settings["rows"])
        tags = {"sweep": "grid", GRID_TAG: grid, "output_dir": str(self.folder.absolute())}
        with ExitStack() as stack:
            known = continue_parent(earlier, grid, stack)
            if known:
                tags, self.experiment = {}, known.experiment
            elif is_pending:
                busy = (
                    f"{self.folder}: another sweep is running here; choose another folder with hydra.sweep.dir=FOLDER."
                )
                stack.enter_context(lock_parent(self.folder, busy))
            else:
                yield None
                return
            parent = stack.enter_context(
                tracking.start_run({}, self.experiment, f"sweep {name}", tags, self.folder, known.id if known else None)
            )
            if any(override.get_key_element() == "study" for override in overrides if override.is_sweep_override()):
                print(f"The sweep's own run is in the study {self.experiment}.", flush=True)
            lines = [override.input_line or "" for override in overrides] + list(map(" ".join, self.settings["rows"]))
            listed = "\n".join(lines) + "\n"
            parent.log_text(without_secrets(listed), "overrides.txt")
            yield parent

    def _config(self, job: Sequence[str]) -> DictConfig:
        """Return a job's configuration."""
        return self.context.config_loader.load_sweep_config(self.master, list(job))


def _finished(runs: Sequence[tracking.RunInfo]) -> dict[str, JobResult]:
    """Return the newest result of each finished job of earlier sweeps, by the job's digest."""
    return {
        run.tags["job"]: JobResult("finished", run.metrics)
        for run in sorted(runs, key=lambda run: run.started)
        if run.status == "FINISHED" and "job" in run.tags
    }


def _digest(config: DictConfig) -> str:
    """Return a hash of a job's resolved configuration, without `hydra`, `threads` and `keep_weights`."""
    with open_dict(config):
        for key in ("hydra", "threads", "keep_weights"):
            config.pop(key, None)
    return hashlib.sha256(OmegaConf.to_yaml(config, resolve=True, sort_keys=True).encode()).hexdigest()[:16]


def combinations(overrides: Sequence[Override], rows: Sequence[Sequence[str]] = ()) -> list[list[str]]:
    """Return the overrides of each job of a grid.

    Args:
        overrides: the overrides of the command line.
        rows: the setting `hydra.sweeper.rows`.

    Raises:
        UserError: an override has no values, is an interval or repeats a key, a row is not a list of overrides, or
            there are more than `MAX_JOBS` jobs.
    """
    refuse_repeated_keys(overrides)
    axes: list[list[str]] = []
    for override in overrides:
        if override.is_interval_sweep():
            raise UserError(f"{override.input_line}: a grid cannot use an interval; hydra/sweeper=optuna can.")
        axes.append([f"{override.get_key_element()}={value}" for value in values_of(override)])
    for row in rows:
        if not isinstance(row, (list, tuple)) or not all(isinstance(each, str) and "=" in each for each in row):
            raise UserError(
                f"hydra.sweeper.rows must be lists of overrides, such as [[aug=none],[aug=blur,steps=100]], not {row}."
            )
    if (count := math.prod(map(len, axes)) * max(1, len(rows))) > MAX_JOBS:
        raise UserError(f"The grid has {count} jobs; at most {MAX_JOBS} are allowed.")
    return [_with_row(job, row) for row in rows or [()] for job in itertools.product(*axes)]


def _with_row(job: Sequence[str], row: Sequence[str]) -> list[str]:
    """Return a job's overrides with those of a row, which replace overrides of the same key."""
    replaced = {_split(each)[0] for each in row}
    return [*(each for each in job if _split(each)[0] not in replaced), *row]


def _varied(overrides: Sequence[Override], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the keys that differ between the jobs of a grid."""
    values = [dict(map(_split, row)) for row in rows]
    keys = dict.fromkeys(key for row in values for key in row)
    differ = [key for key in keys if len({row.get(key) for row in values}) > 1]
    return [override.get_key_element() for override in overrides if override.is_sweep_override()] + differ


def _split(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key, value
