"""The machine of a measurement, its peak speed, and timers."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 2048
"""Side of the matrices whose product measures the peak speed of a thread."""


@dataclass(frozen=True)
class Times:
    """Median times of several calls, in seconds."""

    cpu: float
    """CPU time of the process, summed over its threads."""
    wall: float
    """Wall-clock time."""


def timed(call: Callable[[], object], times: int) -> Times:
    """Measure `call`, called `times` times after one warm-up call."""
    call()
    measured = np.array(list(_each(call, times)))
    return Times(*np.median(measured, axis=0))


def _each(call: Callable[[], object], times: int) -> Iterator[tuple[float, float]]:
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        yield time.process_time() - cpu, time.perf_counter() - wall


def peak() -> float:
    """Return the GFLOP/s of the fastest of several float32 matrix products on one thread."""
    import tensorflow as tf

    left, right = (tf.random.stateless_normal((SIDE, SIDE), (0, seed)) for seed in (1, 2))
    product = tf.function(lambda: tf.matmul(left, right))
    product()
    return 2 * SIDE**3 / min(cpu for cpu, _ in _each(product, 5)) / 1e9


def memory() -> tuple[float, float]:
    """Return the peak memory of this process in GB: in total, and without the pages of files (libraries)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak_size, size, anonymous = (float(status[key].split()[0]) / 1e6 for key in ("VmHWM", "VmRSS", "RssAnon"))
    return peak_size, peak_size - (size - anonymous)


def describe() -> dict[str, Any]:
    """Describe the machine.

    Returns:
        `machine`: processor, cores and versions in one line; `load`: average number of runnable processes in the last
        minute.
    """
    import keras
    import tensorflow as tf

    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    machine = (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
    )
    return {"machine": machine, "load": os.getloadavg()[0]}


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
