"""Sweeps in their own processes, which are forked from a server that has imported everything they need."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.helpers import toys

MP_CONTEXT = multiprocessing.get_context("forkserver")
MP_CONTEXT.set_forkserver_preload(
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
    """Start a sweep of toy jobs in the store's folder."""

    def start_one(*overrides: str) -> BaseProcess:
        process = MP_CONTEXT.Process(target=toys.sweep, args=(store, *overrides))
        process.start()
        return process

    return start_one


@pytest.fixture
def swept(start: Start, store: Path) -> Callable[..., tuple[int, str]]:
    """Run a sweep to its end; return its exit code and its output."""

    def run(*overrides: str) -> tuple[int, str]:
        process = start(*overrides)
        process.join(300)
        assert process.exitcode is not None
        return process.exitcode, (store / f"output{process.pid}.txt").read_text()

    return run
