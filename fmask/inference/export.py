"""Export of a trained network to ONNX.

TensorFlow traces `MaskRCNN.call`, and tf2onnx translates the graph. Keras' own exporter does the same, but its inputs
have no names, and it fixes them to the traced size.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmask import __version__
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import (
    ALIGN_CORNERS,
    ANTIALIAS,
    BACKBONE,
    CLASSES,
    CONVENTIONS,
    HIERARCHY,
    IMAGE_SIZE,
    OUTPUTS,
    RUN,
    SETTINGS,
    VERSION,
)
from fmask.model.convolution import whole_images
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import operating_point
from fmask.model.weights.exported import WEIGHTS
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write, sha256_of

OPSET = 18
"""Version of ONNX's operations: the newest that tf2onnx writes."""


@dataclass(frozen=True)
class Export:
    """A network that was exported, and the function that was translated."""

    file: Path
    """The ONNX file."""
    detect: Callable[[dict[str, np.ndarray]], Mapping[str, Any]]
    """Keras' own computation in float32, with the input and output of `MaskRCNN.call`."""


def can_export() -> bool:
    """Return whether Keras' backend is TensorFlow, the only one from which networks can be exported."""
    return keras.backend.backend() == "tensorflow"


def export_onnx(predictor: KerasPredictor, path: Path, batch: int | None = None, weights: Path | None = None) -> Export:
    """Export the network to an ONNX file, which `fmask.inference.onnx.OnnxPredictor` runs.

    The file computes in float32, whatever the precision in training. Its inputs and outputs have the names and shapes
    of `MaskRCNN.call`.

    Args:
        predictor: the network to export.
        path: the file to write.
        batch: the fixed batch size of the file; None for any batch size.
        weights: the weight file of the network; the ONNX file records its SHA-256.

    Raises:
        UserError: Keras' backend is not TensorFlow, or the file cannot be written; then no partial file remains.
    """
    if not can_export():
        found = keras.backend.backend()
        raise UserError(f"Export to ONNX needs KERAS_BACKEND=tensorflow, not {found}.")
    import tensorflow as tf

    size = predictor.image_size
    detect = _in_float32(predictor.network)
    signature = [
        tf.TensorSpec((batch, size, size, 3), tf.float32, "image"),
        tf.TensorSpec((batch, 4), tf.float32, "window"),
    ]

    @tf.function(input_signature=signature, autograph=False)
    def network(image: Any, window: Any) -> dict[str, Any]:
        return detect({"image": image, "window": window}, training=False)

    with tf.device("/cpu:0"), whole_images():
        model = _translate(network.get_concrete_function())
    _describe(model, _metadata(predictor, weights))
    with atomic_write(path) as draft:
        draft.write_bytes(model.SerializeToString())
    return Export(path, lambda inputs: network(**inputs))


def _translate(function: Any) -> Any:
    """Translate a traced function to an ONNX model.

    `tf2onnx.convert.from_function` does the same in twice the time and more memory: it copies the graph before each of
    its optimizers, and repeats them until nothing changes.
    """
    import tensorflow as tf
    from tf2onnx import optimizer, tf_loader, tfonnx

    inputs = [each.name for each in function.inputs if each.dtype != tf.resource]
    outputs = [each.name for each in function.outputs]
    names = {f"{name}:0": name for name in ("image", "window")}
    names |= dict(zip(outputs, sorted(function.structured_outputs), strict=True))
    frozen = tf_loader.from_function(function, inputs, outputs)
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen, name="")
        translated = tfonnx.process_tf_graph(
            graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=names
        )
        for each in optimizer._get_optimizers().values():
            translated = each().optimize(translated, 0)
        translated.topological_sort(translated.get_nodes())
        return translated.make_model("fmask")


def _metadata(predictor: KerasPredictor, weights: Path | None) -> dict[str, str]:
    """Return what a program must know to use the file, and where the network comes from."""
    facts = {
        VERSION: __version__,
        IMAGE_SIZE: predictor.image_size,
        ANTIALIAS: predictor.antialias,
        ALIGN_CORNERS: predictor.align_corners,
        CLASSES: json.dumps(predictor.classes),
        **({HIERARCHY: json.dumps(predictor.hierarchy)} if predictor.hierarchy else {}),
        BACKBONE: predictor.network.backbone,
        SETTINGS: json.dumps(asdict(predictor.network.config)),
        **({RUN: predictor.run} if predictor.run else {}),
        **({WEIGHTS: sha256_of(weights)} if weights else {}),
    }
    point = predictor.operating_point
    stated = {operating_point.PROPERTY: operating_point.as_text(point)} if point else {}
    return {key: str(value) for key, value in facts.items()} | CONVENTIONS | stated


def _in_float32(network: MaskRCNN) -> MaskRCNN:
    """Return the network itself if it computes in float32, else a copy that does."""
    if network.config.precision == "fp32":
        return network
    copy = MaskRCNN(network.backbone, network.num_classes, replace(network.config, precision="fp32"))
    copy.set_weights(network.get_weights())
    return copy


def _describe(model: Any, metadata: dict[str, str]) -> None:
    """Add metadata to the model, and declare that the batch size of all inputs and outputs is the same."""
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    for value in (*model.graph.input, *model.graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if not first.dim_value:
            first.dim_param = "batch"
    assert {value.name for value in model.graph.output} == set(OUTPUTS)
