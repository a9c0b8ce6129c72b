"""The sheet of training samples shows what the network is trained on, and drawing it changes no training."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fmask.config.schema import Config
from fmask.data.open import open_dataset
from fmask.data.samples import AugmentedSample, collate
from fmask.data.synthetic.dataset import render_dataset
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.training import fit as training
from fmask.training.first_samples import SAMPLES, first_samples, training_samples
from tests.helpers.classes import CLASSES
from tests.helpers.composing import smoke

SETTINGS = ("batch_size=2", "steps=3", "epochs=2", "crop_size=64", "image_size=64", "jitter.paste=0.5", "seed=5")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(folder, seed=0, counts={"train": 5, "val": 1, "test": 1}, size=96)
    return f"data.root={folder}"


def trained_on(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the first two batches that a run hands to Keras in each part of the schedule."""
    batches: list[Any] = []

    def taken(self: MaskRCNN, train_batches: Any, **_: Any) -> None:
        batches.append([train_batches[0], train_batches[1]])

    monkeypatch.setattr(MaskRCNN, "fit", taken)
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    predictor = KerasPredictor(network, config.image_size, config.antialias, CLASSES)
    run: Any = SimpleNamespace(log_figure=lambda *_: None, id="run")
    training.fit(network, predictor, config, open_dataset(config.data), run, folder, Console(quiet=True))
    return batches


def assert_equal(samples: list[AugmentedSample], batch: Any) -> None:
    images, targets = batch
    shown_images, shown = collate(samples, targets["boxes"].shape[1])
    np.testing.assert_array_equal(shown_images, images)
    for name, values in targets.items():
        np.testing.assert_array_equal(shown[name], values)


def test_the_samples_are_the_first_of_each_part_of_the_run(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = smoke(root, *SETTINGS, "schedule=two_part", "aug=fliplr_clahe")
    groups = first_samples(config, open_dataset(config.data).splits["train"].photos)
    assert [group.title for group in groups] == [
        "part one: aug=fliplr_clahe after jitter",
        "part two: aug=none after jitter",
    ]
    for group, (first, second) in zip(groups, trained_on(config, tmp_path, monkeypatch), strict=True):
        assert len(group.samples) == SAMPLES
        assert_equal(list(group.samples[:2]), first)
        assert_equal(list(group.samples[2:4]), second)


def test_drawing_the_sheet_uses_no_global_random_state(root: str) -> None:
    config = smoke(root, *SETTINGS, "aug=fliplr_clahe")
    train = open_dataset(config.data).splits["train"]
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    training_samples(config, train)
    assert np.random.random() == expected


def test_parts_with_the_same_augmentation_are_shown_once(root: str) -> None:
    config = smoke(root, *SETTINGS, "schedule=staged", "aug=blur")
    groups = first_samples(config, open_dataset(config.data).splits["train"].photos)
    assert [group.title for group in groups] == ["part heads: aug=blur after jitter"]


def test_the_title_names_jitter_if_there_is_any(root: str) -> None:
    photos = open_dataset(smoke(root).data).splits["train"].photos
    reference = smoke(root, *SETTINGS, "recipe=report", "weights=none", "aug=blur", "jitter.paste=0")
    assert [group.title for group in first_samples(reference, photos)] == ["aug=blur"]
    reference.jitter.rotate = 10
    assert [group.title for group in first_samples(reference, photos)] == ["aug=blur after jitter"]


def test_no_more_samples_are_shown_than_the_run_trains_on(root: str) -> None:
    config = smoke(root, *SETTINGS, "steps=1", "epochs=1")
    (group,) = first_samples(config, open_dataset(config.data).splits["train"].photos)
    assert (group.title, len(group.samples)) == ("aug=none after jitter", 2)
