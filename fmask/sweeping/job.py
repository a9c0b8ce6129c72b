"""The unit of work of a launcher: a task whose exceptions become a result."""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra.core.utils import env_override
from omegaconf import DictConfig

from fmask.utils.errors import Pruned, UserError
from fmask.utils.secrets import without_secrets

Task = Callable[[DictConfig], Mapping[str, float]]
"""A function that does the work that a configuration describes and returns its metrics. It must be importable, because
launchers run it in other processes."""


@dataclass(frozen=True)
class JobResult:
    """The result of a job."""

    status: str
    """finished, pruned or failed."""
    metrics: dict[str, float] = field(default_factory=dict)
    error: str = ""
    """Why the job failed or was pruned, in one line."""
    lacks_objective: bool = False
    """Whether the job finished, but without a value for an objective of its search; its status is failed."""


class Job:
    """A task with the interface that launchers expect.

    A call returns a `JobResult`, also where the task raises an exception; only exceptions that end the process anyway,
    such as KeyboardInterrupt, propagate.

    Args:
        task: the task.
        environment: environment variables to set during the call; see `fmask.sweeping.environment`.
    """

    def __init__(self, task: Task, environment: Mapping[str, str]) -> None:
        self.task = task
        self.environment = dict(environment)

    def __call__(self, config: DictConfig) -> JobResult:
        with env_override(self.environment):
            return self.run(config)

    def run(self, config: DictConfig) -> JobResult:
        """Run the task."""
        try:
            metrics = self.task(config)
        except Pruned as error:
            return JobResult("pruned", error=str(error))
        except Exception as error:
            if not isinstance(error, UserError):
                traceback.print_exc(file=sys.stderr)
            return failed_result(error)
        return JobResult("finished", {name: float(value) for name, value in metrics.items()})


def failed_result(error: Any) -> JobResult:
    """Return the result of a job that raised `error`: its class, unless it is a `UserError`, and its first line."""
    message = next(iter(str(error).strip().splitlines()), "")
    kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: " if message else type(error).__name__
    return JobResult("failed", error=without_secrets(f"{kind}{message}"))
