"""Jobs without a training, and sweeps of them in processes of their own."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from omegaconf import DictConfig

from fmask import sweeping, tracking
from fmask.sweeping.processes import PROCESSES
from fmask.utils.signals import sigterm_as_interrupt, stop_on_signal

CONF = Path(__file__).parent


def job(config: DictConfig) -> Mapping[str, float]:
    """Is best at x=3; says in `began.txt` that it runs, and in `epochs.txt` how often it reports."""
    from fmask.sweeping import trial

    number = os.environ.get(tracking.TRIAL_VARIABLE, "")
    write("began.txt", f"{number}\n")
    if config.kind == "broken":
        raise ValueError("the job is broken")
    if config.kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if config.kind == "steps":
        step_until_asked()
    time.sleep(config.pause)
    if config.kind == "epochs":
        for epoch in range(1, 21):
            write("epochs.txt", ".")
            trial.current().report(epoch, {"val": -abs(config.x - 3) - 1 / epoch} if epoch % 2 == 0 else {})
    write("done.txt", f"{number}\n")
    return {"value": -((config.x - 3) ** 2), "cost": config.x, "threads": config.threads}


def step_until_asked() -> None:
    """Works in steps like a training; says in `steps.txt` which of them were finished."""
    with sigterm_as_interrupt(), stop_on_signal() as stop:
        for step in range(600):
            time.sleep(0.1)
            write("steps.txt", f"{step}\n")
            if stop.requested:
                write("stopped.txt", f"{step}\n")
                raise KeyboardInterrupt


def tracked_job(config: DictConfig) -> Mapping[str, float]:
    with tracking.start({"x": config.x}, config.study, f"x={config.x}") as run:
        for epoch in range(5):
            run.log_epoch(epoch, {"loss": epoch})
        run.log_scores({"value": config.x})
    return run.metrics


def write(name: str, text: str) -> None:
    with Path(name).open("a") as file:
        file.write(text)


def sweep(folder: Path, *overrides: str) -> None:
    """What a process does that sweeps: its output goes to `output.txt`, its environment is the test's."""
    os.chdir(folder)
    os.setpgid(0, 0)  # what a terminal's Ctrl-C goes to
    output = os.open(f"output{os.getpid()}.txt", os.O_CREAT | os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    PROCESSES.set_forkserver_preload(
        ["tests.helpers.toys", "fmask.sweeping.trial", "mlflow.store.tracking.sqlalchemy_store"]
    )
    sys.argv = ["toys.py", *overrides]
    sweeping.main(tracked_job if "kind=tracked" in overrides else job, CONF, "toy")


def artifacts(run: tracking.RunInfo) -> Path:
    return Path(url2pathname(urlsplit(run.artifacts).path))


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


if __name__ == "__main__":
    sweeping.main(job, CONF, "toy")
