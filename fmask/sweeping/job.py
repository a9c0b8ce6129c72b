"""What a launcher runs, wherever it runs it: a task whose failure is a result like any other."""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig

from fmask.utils.errors import Pruned, UserError
from fmask.utils.secrets import without_secrets

Task = Callable[[DictConfig], Mapping[str, float]]
"""Does the work that a configuration describes and returns its metrics. Must be importable, for it goes to processes
of their own."""


@dataclass(frozen=True)
class JobResult:
    """What became of a job."""

    status: str
    """finished, pruned or failed."""
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
    """Why it failed, or was pruned, in one line."""


class Job:
    """A task as a launcher sees it: it returns a `JobResult` and raises only what ends the process anyway."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __call__(self, config: DictConfig) -> JobResult:
        try:
            metrics = self.task(config)
        except Pruned as error:
            return JobResult("pruned", error=str(error))
        except Exception as error:
            if not isinstance(error, UserError):
                traceback.print_exc(file=sys.stderr)
            return failed(error)
        return JobResult("finished", {name: float(value) for name, value in metrics.items()})


def failed(error: Any) -> JobResult:
    """The result of a job that raised `error`."""
    said = next(iter(str(error).strip().splitlines()), "")
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: " if said else type(error).__name__
    return JobResult("failed", error=without_secrets(f"{kind}{said}"))
