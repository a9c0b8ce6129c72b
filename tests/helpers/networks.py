"""Small networks for fast tests, and images for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from fmask.model.config import Anchors, Detection, ModelConfig, Proposals, Regions, Widths
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.norm import BatchNorm

SIZE = 64


def tiny(norm: str = "batch", backbone: str = "resnet18", num_classes: int = 3, **settings: Any) -> MaskRCNN:
    """Return a narrow network with the settings for training from random weights; `settings` replace some of them."""
    parts: dict[str, Any] = {
        "widths": Widths(fpn=8, rpn=8, box=16, mask=8, mask_convs=1),
        "anchors": Anchors(scales=[8, 16, 32, 64, 128], offset=0.5),
        "proposals": Proposals(candidates=64, train=32, detect=16),
        "regions": Regions(count=8, positive=0.5, fill=True, add_objects=True, pooling="align", canonical=32),
        "detection": Detection(count=6),
    }
    keras.utils.set_random_seed(1)
    return MaskRCNN(backbone, num_classes, ModelConfig(norm=norm, **(parts | settings)), seed=1)


def settled(**settings: Any) -> MaskRCNN:
    """Return a `tiny` network with the statistics of `batch`, so that its random weights give no extreme outputs."""
    network = tiny(**settings)
    for layer in network.trunk.layers:
        if isinstance(layer, BatchNorm):
            layer.momentum = 0.0
    network.trunk(batch()[0], training=True)
    return network


@contextmanager
def eagerly() -> Iterator[None]:
    """Run networks without graphs in the block; the fixture of the same name does so in a whole test."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def batch(objects: bool = True) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return two images of noise and their targets; with `objects`, the first has two objects and one to ignore."""
    rng = np.random.default_rng(0)
    boxes, class_ids = np.zeros((2, 4, 4), np.float32), np.zeros((2, 4), np.int32)
    if objects:
        boxes[0, :3] = [[5, 5, 30, 30], [30, 20, 60, 50], [0, 40, 15, 60]]
        class_ids[0, :3] = [1, 2, -1]
    images = rng.uniform(0, 255, (2, SIZE, SIZE, 3)).astype(np.float32)
    masks = rng.integers(0, 2, (2, 4, 56, 56)).astype(np.float32)
    return images, {"boxes": boxes, "class_ids": class_ids, "masks": masks}


def losses_of(
    network: MaskRCNN, batch: tuple[np.ndarray, dict[str, np.ndarray]], training: bool = True
) -> dict[str, Any]:
    """Return the five losses of a batch, as in a training step."""
    images, targets = batch
    return network.losses_of(network.trunk(images, training=training), targets, SIZE, training)
