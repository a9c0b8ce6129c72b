"""Who is at work on a trial, so that another process takes over what a dead one left.

Each trial names the process that works on it, which writes down once a minute that it is alive. On one machine the
process is simply looked for; another machine's is taken for dead when it has been silent for long. Optuna's own
heartbeat is for databases and its own loop only.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from fmask.sweeping.optuna_study import drop
from fmask.sweeping.retry import in_a_line

log = logging.getLogger(__name__)

BEAT = 60.0
"""Seconds between signs of life."""
SILENCE = 600.0
"""Seconds without one after which another machine's process is taken for dead; clocks may differ by less."""
ATTEMPTS = 3
"""Times that a trial is begun whose process dies each time; it may be the trial that kills it."""


@contextmanager
def claimed(trials: Sequence[Trial]) -> Iterator[None]:
    """Says that this process works on trials, again and again until the end of the block."""
    process = psutil.Process()
    worker = {"host": socket.gethostname(), "pid": process.pid, "born": process.create_time()}
    for trial in trials:
        trial.set_user_attr("worker", worker)
        trial.set_user_attr("seen", time.time())
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            for trial in trials:
                try:
                    trial.set_user_attr("seen", time.time())
                except UpdateFinishedTrialError:
                    pass
                except Exception as error:  # whatever it is, a silent process would be taken for dead
                    log.warning("The search was not told that job %d goes on (%s).", trial.number, in_a_line(error))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def take_over(study: Study) -> list[FrozenTrial]:
    """Ends the trials whose process is dead and queues their parameters anew; returns those that were ended here."""
    ended = []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _is_dead(trial):
            continue
        attempt = trial.user_attrs.get("attempt", 1)
        if attempt >= ATTEMPTS:
            with suppress(UpdateFinishedTrialError):
                study._storage.set_trial_user_attr(trial._trial_id, "error", f"its process died, {attempt} times")
                study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        elif drop(study, trial, "its process died"):
            study.enqueue_trial(trial.params, user_attrs={"attempt": attempt + 1, "instead_of": trial.number})
            ended.append(trial)
    return ended


def _is_dead(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # its process has only just asked for it, or died in that moment
        return trial.datetime_start is not None and time.time() - trial.datetime_start.timestamp() > BEAT
    if worker["host"] != socket.gethostname():
        return time.time() - trial.user_attrs["seen"] > SILENCE
    try:
        return abs(psutil.Process(worker["pid"]).create_time() - worker["born"]) > 1
    except psutil.NoSuchProcess:
        return True
