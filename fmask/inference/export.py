"""Export of a trained network to ONNX.

TensorFlow traces `MaskRCNN.call`, and tf2onnx translates the graph. Keras' own exporter does the same, but its inputs
have no names, and it fixes them to the traced size.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from fmask import __version__
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import (
    ALIGN_CORNERS,
    ANTIALIAS,
    BACKBONE,
    CLASSES,
    CONVENTIONS,
    IMAGE_SIZE,
    OUTPUTS,
    RUN,
    SETTINGS,
    VERSION,
)
from fmask.model.mask_rcnn import MaskRCNN
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write

OPSET = 18
"""Version of ONNX's operations: the newest that tf2onnx writes."""


def export_onnx(predictor: KerasPredictor, path: Path, batch: int | None = None) -> None:
    """Export the network to an ONNX file, which `fmask.inference.onnx.OnnxPredictor` runs.

    The file computes in float32, whatever the precision in training. Its inputs and outputs have the names and shapes
    of `MaskRCNN.call`.

    Args:
        predictor: the network to export.
        path: the file to write.
        batch: the fixed batch size of the file; None for any batch size.

    Raises:
        UserError: tf2onnx is not installed, Keras' backend is not TensorFlow, or the file cannot be written; then no
            partial file remains.
    """
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise UserError(f"Export to ONNX needs KERAS_BACKEND=tensorflow, not {found}.")
    try:
        import tf2onnx
    except ModuleNotFoundError as error:
        raise UserError(
            "Export to ONNX needs tf2onnx, which is not installed; install it with `uv sync --extra export`."
        ) from error
    import tensorflow as tf

    size = predictor.image_size
    detect = _in_float32(predictor.network)
    signature = [
        tf.TensorSpec((batch, size, size, 3), tf.float32, "image"),
        tf.TensorSpec((batch, 4), tf.float32, "window"),
    ]

    @tf.function(input_signature=signature)
    def network(image: Any, window: Any) -> dict[str, Any]:
        return detect({"image": image, "window": window}, training=False)

    model, _ = tf2onnx.convert.from_function(network, signature, opset=OPSET)
    _describe(model, _metadata(predictor))
    with atomic_write(path) as draft:
        draft.write_bytes(model.SerializeToString())


def _metadata(predictor: KerasPredictor) -> dict[str, str]:
    """Return what a program must know to use the file, and where the network comes from."""
    facts = {
        VERSION: __version__,
        IMAGE_SIZE: predictor.image_size,
        ANTIALIAS: predictor.antialias,
        ALIGN_CORNERS: predictor.align_corners,
        CLASSES: json.dumps(predictor.classes),
        BACKBONE: predictor.network.backbone,
        SETTINGS: json.dumps(asdict(predictor.network.config)),
        **({RUN: predictor.run} if predictor.run else {}),
    }
    return {key: str(value) for key, value in facts.items()} | CONVENTIONS


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
