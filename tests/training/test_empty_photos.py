"""Training on photos without objects."""

import io
import json
import math
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from fmask import tracking
from fmask.data.arrays import to_arrays
from fmask.data.formats.read import find_annotations
from fmask.data.open import open_dataset
from fmask.data.synthetic.dataset import render_dataset
from fmask.model.mask_rcnn import LOSSES, MaskRCNN
from fmask.structures.annotations import Photo
from fmask.training.train import train
from fmask.utils.errors import UserError
from tests.helpers.composing import smoke

pytestmark = pytest.mark.usefixtures("eagerly")

SIDE = 64


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 64 x 64 pixels with two photos with objects and two without in each split."""
    root = tmp_path_factory.mktemp("data") / "site"
    render_dataset(root, seed=0, counts=dict.fromkeys(("train", "val", "test"), 2), size=SIDE)
    for number, split in enumerate(("train", "val", "test")):
        file = find_annotations(root / split)
        entries = json.loads(file.read_text())
        for name in ("empty.png", "blank.png"):
            noise = np.random.default_rng([number, len(name)]).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(noise).save(root / split / name)
            entries[name] = {"filename": name, "regions": [], "file_attributes": {"empty": "true"}}
        file.write_text(json.dumps(entries))
    return root


@pytest.mark.parametrize("fill", [False, True])
def test_losses_of_a_batch_without_objects_are_finite(root: Path, fill: bool) -> None:
    config = smoke(f"data.root={root}", f"regions.fill={str(fill).lower()}", "crop_size=64", "image_size=64")
    photos = [photo for photo in open_dataset(config.data).splits["train"].photos if not photo.regions]
    assert len(photos) == 2
    keras.utils.set_random_seed(0)
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), 0)
    network.compile(optimizer=keras.optimizers.SGD(1e-3, clipnorm=5.0))
    images, targets = to_arrays(photos, SIDE)
    for _ in range(3):
        losses = network.train_on_batch(images, targets, return_dict=True)
        assert all(math.isfinite(losses[name]) for name in ("loss", *LOSSES))
        assert [losses[name] for name in ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")] == [0, 0, 0]
        assert losses["rpn_class_loss"] > 0
        assert losses["mrcnn_class_loss"] > 0
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_a_run_trains_on_them_and_scores_them(root: Path, store: Path) -> None:
    settings = ["crop_size=64", "image_size=64", "batch_size=1", "steps=4", "val_steps=4", "epochs=1", "score_every=1"]
    strong = ["jitter.focus=1", "jitter.scale=0.5", "jitter.paste=1", "jitter.recolour=1", "min_confidence=0"]
    console = Console(file=io.StringIO(), width=200)
    result = train(smoke(f"data.root={root}", *settings, *strong), Path("out"), console)
    assert isinstance(console.file, io.StringIO)
    first = console.file.getvalue().splitlines()[0]
    assert "4 train, 4 val, 4 test photos; 6 of them without objects, 0 others left out" in first
    run = tracking.find_run(result.run_id)
    losses = [run.metrics[f"{split}/{name}"] for split in ("train", "val") for name in ("loss", *LOSSES)]
    assert all(map(math.isfinite, losses))
    spurious = {record.photo for record in result.scores["test"][0].outcomes.spurious}
    assert {"empty.png", "blank.png"} & spurious


def test_training_needs_an_object(root: Path, tmp_path: Path) -> None:
    entries = {"a.png": {"filename": "a.png", "regions": [], "file_attributes": {"empty": "true"}}}
    for split in ("train", "val", "test"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (SIDE, SIDE)).save(tmp_path / split / "a.png")
        (tmp_path / split / "via_region_data.json").write_text(json.dumps(entries))
    with pytest.raises(UserError, match="train has photos but no annotated object to learn from or to score"):
        open_dataset(smoke(f"data.root={tmp_path}").data)


def test_arrays_keep_photos_apart(root: Path) -> None:
    photos: tuple[Photo, ...] = open_dataset(smoke(f"data.root={root}").data).splits["train"].photos
    _, targets = to_arrays(photos, SIDE)
    present = targets["class_ids"].any(axis=1)
    assert present.tolist() == [bool(photo.regions) for photo in photos]
