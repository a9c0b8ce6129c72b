"""Heartbeats of trials, so that the trials of a dead process are run again by another one.

Each running trial stores which process works on it, and this process updates a timestamp in it once a minute. A process
on the same machine is looked up in the process table; a process on another machine counts as dead when its timestamp is
too old. Optuna's own heartbeat works only with databases and only inside `study.optimize`.
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

from fmask.sweeping.optuna_study import drop_trial
from fmask.sweeping.retry import one_line

log = logging.getLogger(__name__)

HEARTBEAT_INTERVAL = 60.0
"""Seconds between two updates of a trial's timestamp."""
HEARTBEAT_TIMEOUT = 600.0
"""Age in seconds at which a timestamp from another machine counts as that of a dead process. The clocks of the machines
may differ by less than this."""
MAX_ATTEMPTS = 3
"""How often a trial is started if its process dies each time: the trial itself may be the cause."""


@contextmanager
def heartbeat(trials: Sequence[Trial]) -> Iterator[None]:
    """Mark trials as being run by this process, and keep their timestamps up to date until the end of the block."""
    process = psutil.Process()
    worker = {"host": socket.gethostname(), "pid": process.pid, "born": process.create_time()}
    for trial in trials:
        trial.set_user_attr("worker", worker)
        trial.set_user_attr("seen", time.time())
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_INTERVAL):
            for trial in trials:
                try:
                    trial.set_user_attr("seen", time.time())
                except UpdateFinishedTrialError:
                    pass
                except Exception as error:  # any error: without this thread, a live process would count as dead
                    log.warning("The heartbeat of job %d could not be stored (%s).", trial.number, one_line(error))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def requeue_dead_trials(optuna_study: Study) -> list[FrozenTrial]:
    """End the running trials whose process is dead, and enqueue their parameters again.

    Returns:
        The trials that this call has enqueued again. A trial that has used up its attempts fails instead.
    """
    requeued = []
    for trial in optuna_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not _is_dead(trial):
            continue
        attempt = trial.user_attrs.get("attempt", 1)
        if attempt >= MAX_ATTEMPTS:
            storage = optuna_study._storage
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_user_attr(trial._trial_id, "error", f"its process died {attempt} times")
                storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        elif drop_trial(optuna_study, trial, "its process died"):
            optuna_study.enqueue_trial(trial.params, user_attrs={"attempt": attempt + 1, "instead_of": trial.number})
            requeued.append(trial)
    return requeued


def _is_dead(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get("worker")
    if worker is None:  # its process has only just asked for it, or died before it stored this
        return trial.datetime_start is not None and time.time() - trial.datetime_start.timestamp() > HEARTBEAT_INTERVAL
    if worker["host"] != socket.gethostname():
        return time.time() - trial.user_attrs["seen"] > HEARTBEAT_TIMEOUT
    try:  # another process may have got the same number since
        return abs(psutil.Process(worker["pid"]).create_time() - worker["born"]) > 1
    except psutil.NoSuchProcess:
        return True
