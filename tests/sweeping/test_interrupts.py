"""Ctrl-C, which a terminal sends to the sweep and to its jobs at the same time."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import Mock

import pytest

from fmask import tracking
from fmask.sweeping import launcher
from fmask.sweeping.processes import RunningProcesses
from tests.helpers.toys import lines

Start = Callable[..., BaseProcess]
TOYS = ("kind=steps", "study=interrupted")


def press_ctrl_c(process: BaseProcess) -> None:
    assert process.pid is not None
    os.killpg(process.pid, signal.SIGINT)


def wait_for(process: BaseProcess, happens: Callable[[], bool]) -> None:
    while not happens():
        assert process.is_alive()
        time.sleep(0.002)


def interrupted_output(process: BaseProcess, store: Path) -> str:
    """Wait until the interrupted sweep has ended; return its output."""
    process.join(20)
    assert process.exitcode is not None, "the sweep is still running"
    assert process.exitcode == 130
    output = (store / f"output{process.pid}.txt").read_text()
    assert "Traceback" not in output, output
    return output


@pytest.mark.parametrize("pause", [0, 0.1])
def test_ctrl_c_as_a_job_starts_ends_the_sweep(start: Start, store: Path, pause: float) -> None:
    process = start(*TOYS, "x=1,2")
    output = store / f"output{process.pid}.txt"
    wait_for(process, lambda: output.exists() and "job 0:" in output.read_text())
    time.sleep(pause)
    press_ctrl_c(process)
    assert interrupted_output(process, store).splitlines()[1:] == ["toys.py: interrupted"]
    steps = lines(store / "steps.txt")
    assert len(steps) < 20
    (parent,) = tracking.find_runs("interrupted")
    assert parent.status == "KILLED"


def test_jobs_end_after_their_current_step(start: Start, store: Path) -> None:
    process = start(*TOYS, "x=1,2,3", "hydra.launcher.jobs=2")
    wait_for(process, lambda: len(lines(store / "steps.txt")) >= 4)
    press_ctrl_c(process)
    assert interrupted_output(process, store).endswith("toys.py: interrupted\n")
    assert len(lines(store / "stopped.txt")) == 2
    assert len(lines(store / "began.txt")) == 2
    for output in store.glob("multirun/interrupted/*/*/output.txt"):
        assert output.read_text() == ""


def test_a_second_ctrl_c_terminates_the_jobs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    running, calls, pressed = RunningProcesses(), [], iter([KeyboardInterrupt, None])
    monkeypatch.setattr(running, "terminate_all", lambda: calls.append("all"))
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(pool, "shutdown", Mock(side_effect=pressed))
        launcher._terminate(pool, running)
        monkeypatch.undo()
    assert calls == ["all", "all"]


def test_no_process_starts_after_all_were_terminated() -> None:
    running = RunningProcesses()
    running.terminate_all()
    with pytest.raises(CancelledError):
        running.start(Mock())
