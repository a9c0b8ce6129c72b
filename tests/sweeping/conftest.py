"""Sweeps in processes that a server with everything imported is forked into."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.helpers import toys

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "tests.helpers.toys",
        "fmask.sweeping.trial",
        "fmask.sweeping.optuna_figures",
        "mlflow.store.tracking.sqlalchemy_store",
    ]
)

Start = Callable[..., BaseProcess]


@pytest.fixture
def start(store: Path) -> Start:
    """Starts a sweep of toy jobs in the store's folder."""

    def start_one(*overrides: str) -> BaseProcess:
        process = PROCESSES.Process(target=toys.sweep, args=(store, *overrides))
        process.start()
        return process

    return start_one


@pytest.fixture
def swept(start: Start, store: Path) -> Callable[..., tuple[int, str]]:
    """Runs a sweep to its end; returns its exit code and what it wrote."""

    def run(*overrides: str) -> tuple[int, str]:
        process = start(*overrides)
        process.join(300)
        assert process.exitcode is not None
        return process.exitcode, (store / f"output{process.pid}.txt").read_text()

    return run
