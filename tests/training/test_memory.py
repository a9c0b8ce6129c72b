"""The memory of a long training does not grow.

The test trains 200 epochs in a process of its own, which takes minutes, so it runs only with FMASK_LOAD=1. It measures
memory in use. oneDNN's memory pool would distort the measurement: it reserves some 100 MB early, parts of which are
first used as late as epoch 100 (3 % of the process). The pool is therefore disabled, and the C library returns free
memory to the system before each measurement.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from fmask.data.synthetic.dataset import render_dataset
from fmask.training.checkpoint import CHECKPOINT_NAME, read_checkpoint
from tests.helpers.classes import CLASSES
from tests.helpers.composing import smoke

EPOCHS, SETTLED = 200, 20
GROWTH = 0.02


class Watching:
    """A run that records the memory of the process in bytes after each epoch."""

    id = "abc"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.memory: list[int] = []

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        ctypes.CDLL(None).malloc_trim(0)
        self.memory.append(psutil.Process().memory_info().rss)
        self.file.write_text(json.dumps(self.memory))

    def log_figure(self, figure: Any, path: str) -> None:
        pass


def work(folder: Path) -> None:
    from rich.console import Console

    from fmask.data.open import open_dataset
    from fmask.inference.keras_predictor import KerasPredictor
    from fmask.model.mask_rcnn import MaskRCNN
    from fmask.training.fit import fit
    from fmask.training.train import use_threads

    settings = [
        "steps=1",
        "val_steps=1",
        "batch_size=1",
        "score_every=5",
        "aug=fliplr_clahe",
        "threads=1",
        "optim.name=sgd",
    ]
    config = smoke(f"data.root={folder}/rendered", f"epochs={EPOCHS}", *settings)
    use_threads(config.threads)
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    predictor = KerasPredictor(network, config.image_size, config.antialias, CLASSES)
    run: Any = Watching(folder / "memory.json")
    fit(network, predictor, config, open_dataset(config.data), run, folder, Console(quiet=True))


@pytest.mark.skipif(not os.environ.get("FMASK_LOAD"), reason="200 epochs take minutes: set FMASK_LOAD=1")
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory on Linux only")
def test_memory_does_not_grow_from_epoch_20_on(tmp_path: Path) -> None:
    render_dataset(tmp_path / "rendered", seed=0, counts={"train": 6, "val": 2, "test": 2}, size=64)
    environment = {**os.environ, "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1"}
    subprocess.run([sys.executable, __file__, tmp_path], env=environment, check=True)
    assert read_checkpoint(tmp_path / CHECKPOINT_NAME).epochs == EPOCHS
    memory = json.loads((tmp_path / "memory.json").read_text())
    print("MB after epochs", {epoch: memory[epoch - 1] // 1_000_000 for epoch in (1, 10, *range(20, EPOCHS + 1, 20))})
    settled, end = (sum(memory[last - 5 : last]) / 5 for last in (SETTLED + 5, EPOCHS))
    assert end < (1 + GROWTH) * settled


if __name__ == "__main__":
    work(Path(sys.argv[1]))
