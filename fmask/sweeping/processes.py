"""The processes of a launcher's jobs, which can be terminated together."""

import multiprocessing
import signal
import threading
from concurrent.futures import CancelledError
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

# A fork of the sweep itself would inherit its threads and connections. The fork server has only imported the script.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
MP_CONTEXT: Any = multiprocessing.get_context(_METHOD)
"""The `multiprocessing` context of all job processes."""


class RunningProcesses:
    """The processes that are running now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[BaseProcess] = set()
        self._terminated = False

    def start(self, process: BaseProcess) -> None:
        """Start a process.

        Raises:
            CancelledError: `terminate_all` was called before.
        """
        with self._lock:  # a process is registered as soon as it is started, so that `terminate_all` misses none
            if self._terminated:
                raise CancelledError
            process.start()
            self._processes.add(process)

    def join(self, process: BaseProcess) -> None:
        """Wait until a process has ended."""
        process.join()
        with self._lock:
            self._processes.discard(process)

    def terminate_all(self) -> None:
        """Send SIGTERM to each process, and let no further process start."""
        with self._lock:
            self._terminated = True
            for process in self._processes:
                process.terminate()


def start_server() -> None:
    """Start the fork server with SIGINT blocked, in the server and in all processes that are forked from it.

    A terminal sends Ctrl-C to all processes of the command, but the sweep itself terminates its jobs. A job's process
    can set its own signal handler only after its imports; until then SIGINT would end it with a traceback.
    """
    if _METHOD == "forkserver":
        resource_tracker.ensure_running()  # first: the server's start would start it, and it unblocks the signals
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
