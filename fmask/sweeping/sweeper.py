"""The base class of both sweepers: the jobs' runs have one parent run in MLflow, which gets the table of results."""

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
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
from fmask.sweeping.environment import jobs_environment
from fmask.sweeping.job import Job, JobResult, Task, failed_result
from fmask.sweeping.table import Row, as_csv, as_markdown, as_rich, comparison, print_whole
from fmask.utils.errors import SomeFailedError
from fmask.utils.exits import cli_errors


class ParentSweeper(Sweeper):
    """A sweeper whose jobs' MLflow runs are children of one run."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context: HydraContext = hydra_context
        self.master: DictConfig = config
        self.settings: dict[str, Any] = OmegaConf.to_container(config.hydra.sweeper, resolve=True)  # type: ignore
        self.experiment: str = OmegaConf.select(config, "study") or config.hydra.job.name
        self.folder = Path(config.hydra.sweep.dir)
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context,
            task_function=self.job(task_function, jobs_environment(config)),
            config=config,
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the sweep with the overrides of the command line; exit with a one-sentence message on a `UserError`."""
        with cli_errors(Path(sys.argv[0]).name):  # here, because Hydra would print a traceback
            parser = OverridesParser.create(config_loader=self.context.config_loader)
            self.run(parser.parse_overrides(arguments))

    def job(self, task: Task, environment: Mapping[str, str]) -> Job:
        """Return the object that launchers call to run a task with these environment variables."""
        return Job(task, environment)

    @abstractmethod
    def run(self, overrides: list[Override]) -> None:
        """Run all jobs.

        Raises:
            UserError: the overrides or the settings are wrong.
            SomeFailedError: some jobs failed.
        """

    @property
    def columns(self) -> list[str]:
        """The metrics that are columns of the table."""
        return self.settings["metrics"]

    def launch(self, jobs: Sequence[Sequence[str]], parent: tracking.Run, first: int) -> list[JobResult]:
        """Launch jobs as children of an MLflow run and wait for their results.

        Args:
            jobs: the overrides of each job.
            parent: the run of the sweep.
            first: number of the first job; the others follow.
        """
        parent_override = env_override(tracking.PARENT_VARIABLE, parent.id)
        returned = self.launcher.launch([[*job, parent_override] for job in jobs], first)
        return [_result(each) for each in returned]

    def publish(self, rows: Sequence[Row], parent: tracking.Run | None) -> None:
        """Print the sweep's table, and log it and its figure to the sweep's run if it has one.

        Raises:
            SomeFailedError: some jobs failed; the message lists them.
        """
        metrics = self.columns
        run = f", MLflow run {parent.id}" if parent else ""
        print_whole(as_rich(rows, metrics, title=f"Sweep of {self.experiment}{run}"), Console())
        if parent:
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
    """Return the override that sets an environment variable in a job."""
    return f"++hydra.job.env_set.{variable}='{value}'"


def _result(returned: JobReturn) -> JobResult:
    result = returned._return_value  # `return_value` writes to the terminal
    # A job whose process died or could not be started has an exception as its result.
    return result if isinstance(result, JobResult) else failed_result(result)
