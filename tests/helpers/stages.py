"""Outputs of a network on Keras' current backend: each stage on an image given by a formula, and training losses.

Weights are derived from their names (`golden.py`). A process has one backend, so comparing two backends needs two
processes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import fmask.utils.backend  # isort: skip - sets Keras' backend if it is not set
import keras
import numpy as np
from keras import ops

from fmask.config.schema import Config, Optim
from fmask.model import preprocessing, rpn
from fmask.model.config import ModelConfig, Regions
from fmask.model.freezing import freeze_except
from fmask.model.mask_rcnn import LOSSES, MaskRCNN
from fmask.model.selection import select
from fmask.model.weights.matterport import layers_of
from fmask.training.optimizers import build_optimizer
from tests.helpers import golden, networks
from tests.helpers.reference import SIZE, Arrays, formula, recorded_on_formula

LAST_BLOCKS = {"resnet50": ("2c", "3d", "4f", "5c"), "resnet101": ("2c", "3d", "4w", "5c")}
TRAINED = {"adamw": "all", "sgd": "heads"}
"""The layers that each optimizer trains; fewer layers compile faster."""
MODE = {"jit_compile": fmask.utils.backend.JIT, "run_eagerly": not fmask.utils.backend.JIT}
"""Compiled on JAX, as in training. On TensorFlow two eager steps are faster than building graphs."""


class Stages(keras.Model):
    """The output of every stage of detection in an image, under the reference's names.

    The inputs are `image` (1, S, S, 3), `window` (1, 4), normalised, and `boxes` (1, D, 4), normalised, for the masks.
    """

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__()
        trunk = network.trunk
        blocks = [trunk.get_layer(f"res{block}_out").output for block in LAST_BLOCKS[network.backbone]]
        self.network, self.trunk = network, keras.Model(trunk.input, [blocks, *trunk.output])
        self.built = True

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        network = self.network
        features, pyramid, rpn_logits, rpn_deltas = self.trunk(inputs["image"], training=False)
        anchors = preprocessing.normalise(network.anchors(SIZE), SIZE, SIZE)
        proposals = network.config.proposals
        regions = rpn.propose(anchors, rpn_logits, rpn_deltas, proposals, proposals.detect)
        logits, deltas = network.classify(pyramid, regions, SIZE)
        boxes, class_ids, scores = select(regions, logits, deltas, inputs["window"], network.config)
        detections = [boxes, ops.cast(class_ids, boxes.dtype)[..., None], scores[..., None]]
        every_box = np.ones(inputs["boxes"].shape[:2], bool)
        return {
            **{f"C{level}": feature for level, feature in enumerate(features, start=2)},
            **{f"P{level}": feature for level, feature in enumerate(pyramid, start=2)},
            "rpn_class": ops.softmax(rpn_logits),
            "rpn_bbox": rpn_deltas,
            "rpn_rois": regions,
            "mrcnn_class": ops.softmax(logits),
            "mrcnn_bbox": deltas,
            "detections": ops.concatenate(detections, axis=-1),
            "mrcnn_mask": ops.sigmoid(network.segment(pyramid, inputs["boxes"], every_box, SIZE)),
        }


def stages_of(network: MaskRCNN) -> Arrays:
    """Return the output of each stage on the formula image, a batch of one, with detections of any score."""
    expected = recorded_on_formula(network.backbone)
    frame = preprocessing.letterbox(formula(), SIZE, antialias=False)
    np.testing.assert_array_equal(frame.window, expected["window"][0])
    network.config.detection.floor = 0.0
    model = Stages(network)
    model.compile(**MODE)
    inputs = {
        "image": frame.image[None],
        "window": preprocessing.normalise(frame.window, SIZE, SIZE)[None],
        "boxes": expected["detections"][None, :, :4],
    }
    return {name: np.asarray(values) for name, values in model.predict_on_batch(inputs).items()}


def golden_network() -> MaskRCNN:
    """Return the network of the published study with the weights of the reference's recorded outputs."""
    with zero_initializers():
        network = MaskRCNN("resnet50", 3, ModelConfig(regions=Regions(detach_proposals=False)))
    assign(network)
    return network


def maps_of_small_backbone() -> Arrays:
    """Return the maps of the feature pyramid on an image of noise, of a backbone with depthwise convolutions."""
    with zero_initializers():
        network = networks.tiny("frozen", "efficientnet_lite0")
    assign(network)
    network.trunk.compile(**MODE)
    maps = network.trunk.predict_on_batch(networks.batch()[0][:1])[0]
    return {f"map{level}": np.asarray(each) for level, each in enumerate(maps, start=2)}


def losses_of(name: str) -> np.ndarray:
    """Return the total loss and each loss in two steps on the same image, (2, 6); the second row has means of both."""
    with zero_initializers():
        network = networks.tiny()
    assign(network)
    freeze_except(network, TRAINED[name])
    config = Config(steps=2, epochs=1, batch_size=1, lr=1e-3, optim=Optim(name=name, warmup=0))
    network.compile(optimizer=build_optimizer(config), **MODE)
    seen: list[list[float]] = []
    log = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda _, logs: seen.append([float(logs[key]) for key in ("loss", *LOSSES)])
    )

    def noise(_: Any, count: int, __: bool) -> np.ndarray:
        return np.random.default_rng(count).uniform(size=(1, count)).astype(np.float32)

    images, targets = networks.batch()
    twice = {key: values[[0, 0]] for key, values in targets.items()}
    with patch.object(network, "_noise", noise):
        network.fit(images[[0, 0]], twice, batch_size=1, shuffle=False, verbose=0, callbacks=[log])
    return np.array(seen)


def assign(network: MaskRCNN) -> None:
    for name, layer in layers_of(network).items():
        for weight in layer.weights:
            weight.assign(golden.draw(name, weight.name, tuple(weight.shape)))


@contextmanager
def zero_initializers() -> Iterator[None]:
    """Initialise networks in the block with zeros: JAX compiles a program for each shape of random numbers."""

    def zeros(_: Any, shape: tuple[int, ...], dtype: Any = None, **__: Any) -> np.ndarray:
        return np.zeros(shape, np.float32)

    with patch.object(keras.initializers.VarianceScaling, "__call__", zeros):
        yield


def everything() -> Arrays:
    losses = {name: losses_of(name) for name in TRAINED}
    return {**stages_of(golden_network()), **maps_of_small_backbone(), **losses}
