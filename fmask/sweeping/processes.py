"""Processes that jobs run in: started one by one, ended all at once, and none starts after that."""

import multiprocessing
import signal
import threading
from concurrent.futures import CancelledError
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

# Not forks of the sweep itself, which has threads and connections; forks of a server that has imported the script.
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
PROCESSES: Any = multiprocessing.get_context(_METHOD)


class Running:
    """The processes that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._processes: set[BaseProcess] = set()
        self._ended = False

    def start(self, process: BaseProcess) -> None:
        """Starts a process.

        Raises:
            CancelledError: all were ended before.
        """
        with self._lock:  # one that is started is known, whenever it is that all are ended
            if self._ended:
                raise CancelledError
            process.start()
            self._processes.add(process)

    def join(self, process: BaseProcess) -> None:
        """Waits for a process to end."""
        process.join()
        with self._lock:
            self._processes.discard(process)

    def end(self) -> None:
        """Sends each one SIGTERM; no other starts from now on."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.terminate()


def start_server() -> None:
    """Starts the server that processes are forks of, and makes it and them deaf to Ctrl-C from their first moment on.

    A terminal sends Ctrl-C to all processes of the command, and it is the sweep that ends its jobs. Until they have
    come to ignoring it, which Python gives them to do only after their imports, they would end with a traceback.
    """
    if _METHOD == "forkserver":
        resource_tracker.ensure_running()  # it would be started by the server's start, and hears signals again after it
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
