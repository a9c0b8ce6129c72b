"""Errors in training are raised without the backend's wrapper."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fmask.config.schema import Config
from fmask.data.batches import Batches
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.training.fit import fit
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES
from tests.helpers.composing import smoke


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    root = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(root, seed=0, counts={"train": 2, "val": 1, "test": 1}, size=64)
    return smoke(f"data.root={root}", "batch_size=2", "crop_size=64", "image_size=64")


@pytest.fixture(scope="module")
def predictor(config: Config) -> KerasPredictor:
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    return KerasPredictor(network, config.image_size, config.antialias, CLASSES)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("at", [0, 1], ids=["before training", "in training"])
@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (MemoryError("Unable to allocate 3 GiB"), "Out of memory with batch_size=2, crop_size=64 and image_size=64"),
        (UserError("aug=mine: another size"), "aug=mine: another size"),
    ],
)
def test_the_error_of_a_batch_is_raised(
    config: Config,
    predictor: KerasPredictor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    message: str,
    at: int,
) -> None:
    draw = Batches.draw

    def failing(self: Batches, number: int) -> Any:
        if self.shuffle == bool(at):
            raise raised
        return draw(self, number)

    monkeypatch.setattr(Batches, "draw", failing)
    run: Any = None
    with pytest.raises(UserError, match=message) as refused:
        fit(predictor.network, predictor, config, open_dataset(config.data), run, tmp_path, Console(quiet=True))
    assert str(refused.value).count("\n") == 0
