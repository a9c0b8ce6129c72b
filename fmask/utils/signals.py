"""Orderly end of long work on Ctrl-C and SIGTERM."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class StopRequest:
    """A request to stop, which long work polls."""

    requested: bool = False
    """True once a signal has requested to stop."""


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM in the block into a request to stop; a second one has its usual effect.

    Signals that are already ignored remain ignored: under `nohup`, and Ctrl-C in a job of a sweep, which the sweep
    itself stops.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread receives signals
        yield stop
        return
    previous = {each: handler for each in _SIGNALS if (handler := signal.getsignal(each)) is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def request(_: int, __: FrameType | None) -> None:
        stop.requested = True
        restore()

    for number in previous:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()


@contextmanager
def sigterm_as_interrupt() -> Iterator[Callable[[], None]]:
    """Make SIGTERM (`kill`, the time limit of a cluster) raise KeyboardInterrupt in the block, as Ctrl-C does.

    Yields:
        A function that ignores both signals until the end of the block. Call it before closing a run, so that a second
        signal from an impatient user cannot prevent the run from getting its final status. SIGKILL still ends the
        process.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    previous = {each: signal.getsignal(each) for each in _SIGNALS}
    if previous[signal.SIGTERM] is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    def ignore() -> None:
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)

    try:
        yield ignore
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)
