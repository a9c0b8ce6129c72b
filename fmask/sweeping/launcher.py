"""Runs jobs on this machine, each in a process of its own, some of them side by side.

A process for each, because TensorFlow keeps threads, memory and CPU time from one training to the next, and because one
that the system kills takes no other with it. hydra-joblib-launcher gives neither: its workers live on, and all jobs of
a sweep fail with one that dies.
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

from fmask.sweeping.processes import PROCESSES, Running, start_server
from fmask.utils.errors import INTERRUPTED, UserError


class LocalLauncher(Launcher):
    """Args:
    jobs: how many run side by side; each gets its share of the processor's threads where `threads` is 0.
    """

    __module__ = "hydra_plugins.fmask"  # the name that Hydra knows it by

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise UserError(f"hydra.launcher.jobs={jobs}: needed is at least 1.")
        self.jobs = jobs

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Runs the jobs; returns what became of them in their order.

        Ctrl-C asks those that run to end, and is then waited for; a second one does so with more emphasis.

        Raises:
            UserError: a job's folder is there already.
            KeyboardInterrupt: it was Ctrl-C, and no job runs any more.
        """
        setup_globals()
        configs = [self._compose(overrides, initial_job_idx + index) for index, overrides in enumerate(job_overrides)]
        folders = [_new_folder(config) for config in configs]
        start_server()
        running = Running()
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                return list(pool.map(partial(self._run, running), configs, folders, job_overrides))
            except BaseException:
                _end(pool, running)
                raise

    def _compose(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
            if self.jobs > 1 and OmegaConf.select(config, "threads") == 0:
                config.threads = max(1, _processors() // self.jobs)
        return config

    def _run(self, running: Running, config: DictConfig, folder: Path, overrides: Sequence[str]) -> JobReturn:
        own = [each for each in overrides if not each.lstrip("+").startswith("hydra.")]
        name = f"job {config.hydra.sweep.subdir}: {' '.join(own)}"
        output = folder / "output.txt" if self.jobs > 1 else None  # side by side, their lines would mix
        print(f"{name}{f', whose output is in {output}' if output else ''}", flush=True)
        receiving, sending = PROCESSES.Pipe(duplex=False)
        arguments = (sending, self.task, config, output, getbase(), dict(os.environ))
        process = PROCESSES.Process(target=_work, args=arguments)
        started = time.monotonic()
        running.start(process)
        sending.close()
        try:
            result = receiving.recv()
        except EOFError:
            process.join()
            result = JobReturn(status=JobStatus.FAILED, _return_value=UserError(_death(process.exitcode)))
        running.join(process)
        if self.jobs > 1:
            print(f"{name}: ended after {time.monotonic() - started:.0f} s", flush=True)
        return result


def _end(pool: ThreadPoolExecutor, running: Running) -> None:
    """Ends all jobs and waits for them; each Ctrl-C in that time is handed on to them."""
    while True:
        try:
            running.end()
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
    """What a job's process does."""
    os.environ.update(environment)  # a server's is that of its start
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the sweep ends its jobs, by SIGTERM
    threading.Thread(target=_end_with_parent, daemon=True).start()
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
    except KeyboardInterrupt:  # what SIGTERM becomes in a training, which has said all that is to be said
        sys.exit(INTERRUPTED)


def _end_with_parent() -> None:
    """Ends this process with the sweep, however that ended: a job whose sweep is gone would be run again beside it."""
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _death(code: int | None) -> str:
    if code == INTERRUPTED:
        return "it was interrupted"
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code} before the job was done"


def _new_folder(config: DictConfig) -> Path:
    folder = Path(config.hydra.sweep.dir, str(config.hydra.sweep.subdir))
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UserError(f"The job folder {folder} is there already: choose another with hydra.sweep.dir=.") from error
    return folder


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
