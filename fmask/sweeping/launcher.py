"""The local launcher: each job runs in its own process on this machine, and several can run in parallel.

Each job has its own process because TensorFlow keeps threads, memory and CPU time from one training to the next, and
because a job that the operating system kills must not affect the others. hydra-joblib-launcher guarantees neither: it
reuses its worker processes, and when one of them dies, all jobs of the sweep fail.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from hydra.version import VersionBase, getbase
from omegaconf import DictConfig, OmegaConf, open_dict

from fmask.sweeping.job import JobResult
from fmask.sweeping.processes import MP_CONTEXT, RunningProcesses, start_server
from fmask.utils.errors import INTERRUPTED, UserError
from fmask.utils.processors import processors


class LocalLauncher(Launcher):
    """Runs jobs in parallel on this machine.

    Args:
        jobs: how many jobs run in parallel. With more than one, a job whose setting `threads` is 0 gets an equal share
            of the processors.
    """

    __module__ = "hydra_plugins.fmask"  # where Hydra looks for plugins

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise UserError(f"hydra.launcher.jobs must be at least 1, not {jobs}.")
        self.jobs = jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs; return their results in the same order.

        On Ctrl-C the running jobs get SIGTERM, and this method waits until they have ended. Each further Ctrl-C sends
        them SIGTERM again.

        Raises:
            UserError: a job's folder already exists.
            KeyboardInterrupt: Ctrl-C was pressed; no job is running any more.
        """
        setup_globals()
        configs = [self._compose(overrides, initial_job_idx + index) for index, overrides in enumerate(job_overrides)]
        folders = [_new_folder(config) for config in configs]
        start_server()
        running = RunningProcesses()
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                return list(pool.map(partial(self._run, running), configs, folders, job_overrides))
            except BaseException:
                _terminate(pool, running)
                raise

    def _compose(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            if self.jobs > 1 and OmegaConf.select(config, "threads") == 0:
                config.threads = max(1, processors() // self.jobs)
        return config

    def _run(self, running: RunningProcesses, config: DictConfig, folder: Path, overrides: Sequence[str]) -> JobReturn:
        job_overrides = [each for each in overrides if not each.lstrip("+").startswith("hydra.")]
        name = f"job {config.hydra.sweep.subdir}: {' '.join(job_overrides)}"
        output = folder / "output.txt" if self.jobs > 1 else None  # the lines of parallel jobs would mix
        print(f"{name}{f' (output: {output})' if output else ''}", flush=True)
        receiving, sending = MP_CONTEXT.Pipe(duplex=False)
        arguments = (sending, self.task, config, output, getbase(), dict(os.environ))
        process = MP_CONTEXT.Process(target=_work, args=arguments)
        started = time.monotonic()
        running.start(process)
        sending.close()
        try:
            result = receiving.recv()
        except EOFError:
            process.join()
            result = JobReturn(status=JobStatus.FAILED, _return_value=UserError(_exit_reason(process.exitcode)))
        running.join(process)
        ended = result._return_value
        if isinstance(ended, JobResult) and ended.status == "pruned":
            print(f"job {config.hydra.sweep.subdir} was pruned: {ended.error}", flush=True)
        if self.jobs > 1:
            print(f"{name}: ended after {time.monotonic() - started:.0f} s", flush=True)
        return result


def _terminate(pool: ThreadPoolExecutor, running: RunningProcesses) -> None:
    """Terminate all jobs and wait until they have ended; send SIGTERM again on each Ctrl-C in that time."""
    while True:
        try:
            running.terminate_all()
            pool.shutdown(cancel_futures=True)
            return
        except KeyboardInterrupt:
            continue


def _work(
    result: Connection,
    task: TaskFunction,
    config: DictConfig,
    output: Path | None,
    version: Any,
    environment: dict[str, str],
) -> None:
    """Run one job in its own process, and send its result."""
    os.environ.update(environment)  # the fork server has the environment of the time when it was started
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the sweep sends SIGTERM
    threading.Thread(target=_terminate_with_parent, daemon=True).start()
    if output:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            with output.open("ab") as file:
                os.dup2(file.fileno(), stream.fileno())
    from hydra._internal.callbacks import Callbacks

    VersionBase.instance().setbase(version)
    setup_globals()
    context = HydraContext(config_loader=None, callbacks=Callbacks(config))  # type: ignore[arg-type]
    try:
        result.send(run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context))
    except KeyboardInterrupt:  # a training turns SIGTERM into KeyboardInterrupt, and has logged it already
        sys.exit(INTERRUPTED)


def _terminate_with_parent() -> None:
    """Terminate this process once the sweep's process has ended, for whatever reason.

    Otherwise, a sweep that is resumed would run the same job a second time, at the same time.
    """
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _exit_reason(code: int | None) -> str:
    if code == INTERRUPTED:
        return "it was interrupted"
    if code is not None and code < 0:
        return f"its process was killed by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code} before the job was done"


def _new_folder(config: DictConfig) -> Path:
    folder = Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir))
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UserError(
            f"The job folder {folder} already exists; choose another with hydra.sweep.dir=FOLDER."
        ) from error
    return folder
