"""The machine that something is measured on, and the work that it could do at most."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 2048
"""Of the matrices whose product stands for the most that a thread can do."""


@dataclass(frozen=True)
class Times:
    """Medians over several calls."""

    cpu: float
    """CPU seconds of the process, all its threads together."""
    wall: float


def timed(call: Callable[[], object], times: int) -> Times:
    """How long `call` takes, called `times` times after it was called once."""
    call()
    measured = np.array(list(_each(call, times)))
    return Times(*np.median(measured, axis=0))


def _each(call: Callable[[], object], times: int) -> Iterator[tuple[float, float]]:
    for _ in range(times):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        yield time.process_time() - cpu, time.perf_counter() - wall


def peak() -> float:
    """GFLOP/s of the fastest of several float32 matrix products on one thread, which steps are held against."""
    import tensorflow as tf

    left, right = (tf.random.stateless_normal((SIDE, SIDE), (0, seed)) for seed in (1, 2))
    product = tf.function(lambda: tf.matmul(left, right))
    product()
    return 2 * SIDE**3 / min(cpu for cpu, _ in _each(product, 5)) / 1e9


def memory() -> tuple[float, float]:
    """Most memory that this process ever had in use, in GB: all of it, and without the pages of files (libraries)."""
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    most, now, own = (float(told[key].split()[0]) / 1e6 for key in ("VmHWM", "VmRSS", "RssAnon"))
    return most, most - (now - own)


def describe() -> dict[str, Any]:
    """`machine`: processor, cores and versions in one line; `load`: how many processes want to run, over a minute."""
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
