"""The cost per image of a training step and of a detection, and their numbers of operations."""

import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from hydra import compose, initialize_config_dir

import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
from benchmarks.machine import memory, peak, timed
from fmask.config.compose import register
from fmask.config.schema import Config
from fmask.config.validate import validate
from fmask.inference.export import export_onnx
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OnnxPredictor
from fmask.inference.predictor import Predictor
from fmask.model.config import Detection
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.roi import positive_slots
from fmask.training.optimizers import build_optimizer
from fmask.training.train import use_threads

CONF = Path(__file__).parents[1] / "conf"


def configuration(*overrides: str) -> Config:
    """Compose the configuration that `train.py` would use."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return validate(compose("train", ["data=rendered", "weights=none", *overrides]))


def train_step(objects: int, times: int, overrides: list[str]) -> dict[str, Any]:
    """Measure the cost per image of a training step on one thread, with all layers and `objects` objects per image.

    As in torchvision, the annotated boxes are added to the proposals, so that each image has at least one positive
    region per object although the weights are random.
    """
    config = configuration(*overrides, "regions.add_objects=true")
    use_threads(1)
    before = peak()
    network = MaskRCNN(config.backbone.name, 3, config.network_settings(), config.seed)
    network.compile(optimizer=build_optimizer(config), jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    batch = _batch(config, objects)
    started = time.perf_counter()
    network.train_on_batch(*batch)
    first = time.perf_counter() - started
    took = timed(lambda: network.train_on_batch(*batch), times)
    total_memory, own_memory = memory()
    filled = min(objects, positive_slots(config.regions))
    # The gradients of the inputs and those of the weights take as many operations each as the forward pass.
    work = 3 * operations(network, config.crop_size, config.regions.count, filled)
    return {
        "first_s": first,
        "memory_gb": total_memory,
        "own_memory_gb": own_memory,
        **_costs(took.cpu / config.batch_size, took.wall / config.batch_size, (before + peak()) / 2, work),
    }


def detection(proposals: int, times: int, overrides: list[str], onnx: bool = False) -> dict[str, Any]:
    """Measure the detection of two objects in a photo on one thread, from pixels to masks of the size of the photo.

    It runs on TensorFlow, or with `onnx` on ONNX Runtime, as `fmask detect` does.
    """
    config = configuration(*overrides)
    use_threads(1)
    before = peak()
    model = config.network_settings()
    # A network with random weights detects the largest allowed number of objects.
    chosen = replace(
        model, proposals=replace(model.proposals, detect=proposals), detection=Detection(count=2, floor=0.0)
    )
    predictor = KerasPredictor(
        MaskRCNN(config.backbone.name, 3, chosen, config.seed), config.image_size, config.antialias, ("mask", "hat")
    )
    photo = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    runner: Predictor = _exported(predictor) if onnx else predictor
    found = len(runner.predict(photo).scores)
    took = timed(lambda: runner.predict(photo), times)
    work = operations(predictor.network, config.image_size, proposals, found)
    return {"found": found, **_costs(took.cpu, took.wall, (before + peak()) / 2, work)}


def _exported(predictor: KerasPredictor) -> OnnxPredictor:
    with TemporaryDirectory() as folder:
        file = Path(folder, "network.onnx")
        export_onnx(predictor, file)
        return OnnxPredictor(file, threads=1)


def operations(network: MaskRCNN, size: int, regions: int, masks: int) -> float:
    """Return the GFLOP of the convolutions and matrix products in the forward pass of one image of side `size`."""
    trunk = _operations(network.trunk, np.zeros((1, size, size, 3), np.float32))
    settings = network.config.regions
    channels = network.config.widths.fpn
    box, mask = (
        _operations(head, np.zeros((1, side, side, channels), np.float32))
        for head, side in ((network.box_head, settings.pool_box), (network.mask_head, settings.pool_mask))
    )
    return trunk + regions * box + masks * mask


def _operations(model: keras.Model, example: np.ndarray) -> float:
    """Return the GFLOP of calling a model on `example`; a multiplication with an addition counts as two operations."""
    counted = 0.0

    def count(layer: keras.layers.Layer, output: Any) -> None:
        nonlocal counted
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            return
        if isinstance(layer, keras.layers.Conv2DTranspose):  # each input pixel is multiplied by the whole kernel
            positions = np.prod(output.shape[1:3]) / np.prod(layer.strides)
        else:
            positions = np.prod(output.shape[1:-1]) if len(output.shape) > 2 else 1
        counted += 2 * np.prod(kernel.shape) * positions / 1e9

    _call_with_hook(model, example, count)
    return counted


def _call_with_hook(model: keras.Model, example: np.ndarray, hook: Any) -> None:
    """Call a functional model, and call `hook` with each layer and its output."""

    def follow(layer: keras.layers.Layer) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            output = layer(*args, **kwargs)
            if not isinstance(layer, keras.Model):
                hook(layer, output)
            return output

        return call

    model._run_through_graph(example, operation_fn=follow)


def _batch(config: Config, objects: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    shape = (config.batch_size, objects)
    side = config.crop_size // 3
    corner = rng.integers(0, config.crop_size - side, (*shape, 2))
    images = rng.integers(0, 256, (config.batch_size, config.crop_size, config.crop_size, 3)).astype(np.float32)
    return images, {
        "boxes": np.concatenate([corner, corner + side], axis=-1).astype(np.float32),
        "class_ids": rng.integers(1, 3, shape).astype(np.int32),
        "masks": np.ones((*shape, 56, 56), np.float32),
    }


def _costs(cpu: float, wall: float, best: float, work: float) -> dict[str, float]:
    """Return the costs per image: seconds, and the operations that fit into them at the peak speed of a thread."""
    return {
        "cpu_s": cpu,
        "wall_s": wall,
        "images_per_s": 1 / wall,
        "peak_gflops": best,
        "peak_gflop": cpu * best,
        "gflop": work,
        "share": work / (cpu * best),
    }
