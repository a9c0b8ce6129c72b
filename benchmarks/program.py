"""The program around the network: its start-up time, and the overhead of MLflow and Hydra."""

import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
TEN_MINUTES = 600.0
EPOCHS = 36
"""Epochs of the ten-minute run to which the overhead is compared."""


def answer(overrides: list[str]) -> dict[str, Any]:
    """Measure the time until `train.py` has printed its help or an error message, the best of three."""
    return min((_answer(overrides) for _ in range(3)), key=lambda times: times["wall_s"])


def _answer(overrides: list[str]) -> dict[str, Any]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, ROOT / "train.py", *overrides], cwd=ROOT, capture_output=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall, "cpu_s": cpu}


def first_step(overrides: list[str]) -> dict[str, Any]:
    """Measure the time from the start of `train.py` to the end of an epoch of one step with its checkpoint."""
    run = ["data=rendered", "weights=none", "steps=1", "epochs=2", "score_every=2", "val_steps=0", *overrides]
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        command: list[str | Path] = [sys.executable, ROOT / "train.py", *run, f"hydra.run.dir={folder}/outputs"]
        with subprocess.Popen(command, cwd=ROOT, env=_own_store(folder), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("epoch 1/"):
                    took = time.perf_counter() - started
                    process.kill()
                    return {"wall_s": took}
    raise RuntimeError(f"train.py {' '.join(run)} ended before its first epoch")


def overhead(overrides: list[str]) -> dict[str, Any]:
    """Measure the CPU time of MLflow (import, start, logging, end) and Hydra in a run, as a share of ten minutes."""
    spent: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        os.environ.update(_own_store(folder))
        os.chdir(folder)
        with _counted(spent, "hydra"):
            from benchmarks.network import configuration

        import fmask.utils.backend  # isort: skip # noqa: F401 - not part of the measurement

        with _counted(spent, "hydra"):
            config = configuration("experiment=smoke", *overrides)
        with _counted(spent, "imports"):
            from fmask.tracking.environment import import_mlflow

            import_mlflow()
        from fmask import tracking
        from fmask.training.train import train

        _count_calls(spent, tracking.Run, "log_epoch", "epochs")
        _count_calls(spent, tracking.Run, "_log", "writing")
        start_run = tracking.start_run

        @contextmanager
        def start(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with _counted(spent, "opening"):
                context = start_run(*args, **kwargs)
                run = context.__enter__()
            written = spent["writing"]
            yield run
            spent["during"] = spent["writing"] - written
            with _counted(spent, "closing"):
                context.__exit__(None, None, None)

        tracking.start_run = start
        train(config, Path(folder))
        os.chdir(ROOT)
    epochs = config.epochs
    once = spent["hydra"] + spent["imports"] + spent["opening"] + spent["closing"] + spent["during"] - spent["epochs"]
    overhead_s = once + spent["epochs"] / epochs * EPOCHS
    parts = {f"{key}_s": round(seconds, 3) for key, seconds in spent.items()}
    return {"cpu_s": overhead_s, "of_ten_minutes": overhead_s / TEN_MINUTES, **parts}


@contextmanager
def _counted(spent: Counter[str], key: str) -> Iterator[None]:
    started = time.process_time()
    yield
    spent[key] += time.process_time() - started  # type: ignore[assignment]


def _count_calls(spent: Counter[str], owner: type, name: str, key: str) -> None:
    method: Callable[..., Any] = getattr(owner, name)

    @wraps(method)
    def counted(*args: Any, **kwargs: Any) -> Any:
        with _counted(spent, key):
            return method(*args, **kwargs)

    setattr(owner, name, counted)


def _own_store(folder: str) -> dict[str, str]:
    return os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
