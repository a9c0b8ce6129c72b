"""Jobs that train nothing, and sweeps of such jobs in their own processes."""

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
from fmask.sweeping.processes import MP_CONTEXT
from fmask.utils.signals import sigterm_as_interrupt, stop_on_signal

CONF = Path(__file__).parent


def job(config: DictConfig) -> Mapping[str, float]:
    """Return metrics that are best at x=3; append to `began.txt`, `done.txt` and, for each epoch, `epochs.txt`."""
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
    """Work in steps, like a training, until a signal asks to stop; append each step to `steps.txt`."""
    with sigterm_as_interrupt(), stop_on_signal() as stop:
        for step in range(600):
            time.sleep(0.1)
            write("steps.txt", f"{step}\n")
            if stop.requested:
                write("stopped.txt", f"{step}\n")
                raise KeyboardInterrupt


def tracked_job(config: DictConfig) -> Mapping[str, float]:
    with tracking.start_run({"x": config.x}, config.study, f"x={config.x}") as run:
        for epoch in range(5):
            run.log_epoch(epoch, {"loss": epoch})
        run.log_scores({"value": config.x})
    return run.metrics


def write(name: str, text: str) -> None:
    with Path(name).open("a") as file:
        file.write(text)


def sweep(folder: Path, *overrides: str) -> None:
    """Run a sweep in `folder`; its output goes to `output<pid>.txt`. The target of a process of its own."""
    os.chdir(folder)
    os.setpgid(0, 0)  # a terminal sends Ctrl-C to the process group
    output = os.open(f"output{os.getpid()}.txt", os.O_CREAT | os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    MP_CONTEXT.set_forkserver_preload(
        ["tests.helpers.toys", "fmask.sweeping.trial", "mlflow.store.tracking.sqlalchemy_store"]
    )
    sys.argv = ["toys.py", *overrides]
    sweeping.main(tracked_job if "kind=tracked" in overrides else job, CONF, "toy")


def artifacts(run: tracking.RunInfo) -> Path:
    return Path(url2pathname(urlsplit(run.artifacts).path))


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


if __name__ == "__main__":
    sweeping.main(tracked_job if "kind=tracked" in sys.argv else job, CONF, "toy")
