"""A long training takes no more memory in the end than near its beginning.

It takes minutes, so that only FMASK_LOAD=1 runs it: 200 epochs of the real `fit`, in a process of its own.
"""

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from fmask import checkpoint
from fmask.data.rendered import render_dataset

CONF = Path(__file__).parents[1] / "conf"
EPOCHS, SETTLED = 200, 20
GROWTH = 0.02

PROCESSES = multiprocessing.get_context("forkserver")


class Watching:
    """Stands in for a tracked run; keeps the process's resident memory in bytes at the end of each epoch."""

    id = "abc"

    def __init__(self, file: Path) -> None:
        self.file = file
        self.memory: list[int] = []

    def log_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        self.memory.append(psutil.Process().memory_info().rss)
        self.file.write_text(json.dumps(self.memory))

    def log_figure(self, figure: Any, path: str) -> None:
        pass


def work(folder: Path) -> None:
    from hydra import compose, initialize_config_dir
    from rich.console import Console

    from fmask.config import register, validate
    from fmask.datasets import open_dataset
    from fmask.fitting import fit
    from fmask.model.detector import Detector
    from fmask.model.mask_rcnn import MaskRCNN
    from fmask.training import model_config, use_threads

    register()
    settings = ["steps=1", "val_steps=1", "batch=1", "score_every=5", "aug=fliplr_clahe", "threads=1", "optim.name=sgd"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = ["experiment=smoke", f"data.root={folder}/rendered", f"epochs={EPOCHS}", *settings]
        config = validate(compose("train", overrides))
    use_threads(config.threads)
    network = MaskRCNN(config.backbone.name, model_config(config), config.seed)
    detector = Detector(network, config.fit, config.smooth)
    run: Any = Watching(folder / "memory.json")
    fit(network, detector, config, open_dataset(config.data), run, folder, Console(quiet=True))


@pytest.mark.skipif(not os.environ.get("FMASK_LOAD"), reason="200 epochs take minutes: set FMASK_LOAD=1")
@pytest.mark.xfail(
    reason="once between epochs 80 and 120 it takes 30 to 60 MB more (2.6 to 3.8 %), of a cause not known; it is flat "
    "before and after, and what Python and the main heap hold does not grow"
)
def test_memory_stays_as_it_is_from_epoch_20_on(tmp_path: Path) -> None:
    render_dataset(tmp_path / "rendered", seed=0, counts={"train": 6, "val": 2, "test": 2}, size=64)
    process = PROCESSES.Process(target=work, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert checkpoint.read(tmp_path / checkpoint.NAME).epochs == EPOCHS
    memory = json.loads((tmp_path / "memory.json").read_text())
    print("MB after epochs", {epoch: memory[epoch - 1] // 1_000_000 for epoch in (1, 10, *range(20, EPOCHS + 1, 20))})
    settled, end = (sum(memory[last - 5 : last]) / 5 for last in (SETTLED + 5, EPOCHS))
    assert end < (1 + GROWTH) * settled
