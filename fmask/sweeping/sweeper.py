"""What a grid and a search have in common: jobs under one parent run in MLflow, one table at the end."""

import sys
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from fmask import tracking
from fmask.sweeping.job import Job, JobResult, Task, failed
from fmask.sweeping.table import Row, as_csv, as_markdown, as_rich, comparison
from fmask.utils.errors import SomeFailedError
from fmask.utils.exits import cli_errors


class ParentSweeper(Sweeper):
    """A sweeper whose jobs are children of one MLflow run."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context: HydraContext = hydra_context
        self.master: DictConfig = config
        self.settings: dict[str, Any] = OmegaConf.to_container(config.hydra.sweeper, resolve=True)  # type: ignore
        self.experiment: str = OmegaConf.select(config, "study") or config.hydra.job.name
        self.folder = Path(config.hydra.sweep.dir)
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=self.job(task_function), config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Runs the sweep that Hydra's command line asks for; exits with one sentence where something is wrong."""
        with cli_errors(Path(sys.argv[0]).name):  # here, for Hydra would show a traceback
            parser = OverridesParser.create(config_loader=self.context.config_loader)
            self.run(parser.parse_overrides(arguments))

    def job(self, task: Task) -> Job:
        """What launchers are given for a task."""
        return Job(task)

    @abstractmethod
    def run(self, overrides: list[Override]) -> None:
        """Runs all jobs.

        Raises:
            UserError: the sweep is not possible.
            SomeFailedError: jobs failed.
        """

    @property
    def columns(self) -> list[str]:
        """Metrics in the table."""
        return self.settings["metrics"]

    def launch(self, jobs: Sequence[Sequence[str]], parent: tracking.Run, first: int) -> list[JobResult]:
        """Launches jobs as children of a run and waits for them; the first gets the number `first`."""
        belongs = env_override(tracking.PARENT_VARIABLE, parent.id)
        returned = self.launcher.launch([[*job, belongs] for job in jobs], first)
        return [_result(each) for each in returned]

    def publish(self, rows: Sequence[Row], parent: tracking.Run) -> None:
        """Prints the sweep's table and logs it to its run.

        Raises:
            SomeFailedError: with the list of what failed, if anything did.
        """
        metrics = self.columns
        Console().print(as_rich(rows, metrics, title=f"Sweep of {self.experiment}, MLflow run {parent.id}"))
        parent.log_text(as_markdown(rows, metrics), "table.md")
        parent.log_text(as_csv(rows, metrics), "table.csv")
        if figure := comparison(rows, metrics):
            parent.log_figure(figure, "figures/comparison.png")
        failures = [row for row in rows if row.result.status == "failed"]
        if failures:
            lines = [
                f"  job {row.number} ({' '.join(f'{key}={value}' for key, value in row.varied.items())}): "
                f"{row.result.error}"
                for row in failures
            ]
            raise SomeFailedError("\n".join([f"{len(failures)} of {len(rows)} jobs failed:", *lines]))


def env_override(variable: str, value: str) -> str:
    """The override that gives a job an environment variable."""
    return f"++hydra.job.env_set.{variable}='{value}'"


def _result(returned: JobReturn) -> JobResult:
    result = returned._return_value  # `return_value` writes to the terminal
    return result if isinstance(result, JobResult) else failed(result)  # its process died, or it could not be started
