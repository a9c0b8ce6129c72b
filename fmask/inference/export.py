"""A trained network as an ONNX file: images and windows in, detections out.

TensorFlow traces `MaskRCNN.call`, and tf2onnx translates the graph. Keras' own exporter does the same, but its inputs
have no names and only the traced size.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import ANTIALIAS, IMAGE_SIZE, OUTPUTS
from fmask.model.mask_rcnn import MaskRCNN
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write

OPSET = 18
"""Of ONNX's operations: the newest that tf2onnx writes."""


def export_onnx(predictor: KerasPredictor, path: Path, batch: int | None = None) -> None:
    """Writes the network, in float32 whatever it was trained in, to `path`.

    Inputs and outputs are those of `MaskRCNN.call`, by name; `fmask.inference.onnx.OnnxPredictor` runs the file.

    Args:
        batch: how many images a call takes; None for any number.

    Raises:
        UserError: what exports is not installed, Keras runs on another backend than TensorFlow, or the file cannot be
            written; nothing is left behind then.
    """
    if keras.backend.backend() != "tensorflow":
        found = keras.backend.backend()
        raise UserError(f"KERAS_BACKEND is {found}; networks are exported from tensorflow alone.")
    try:
        import tf2onnx
    except ModuleNotFoundError as error:
        raise UserError("tf2onnx, which exports, is not installed: `uv sync --extra export` does that.") from error
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
    _describe(model, {IMAGE_SIZE: str(size), ANTIALIAS: str(predictor.antialias)})
    with atomic_write(path) as draft:
        draft.write_bytes(model.SerializeToString())


def _in_float32(network: MaskRCNN) -> MaskRCNN:
    """The network, or one with its weights that computes in float32."""
    if network.config.precision == "fp32":
        return network
    copy = MaskRCNN(network.backbone, network.num_classes, replace(network.config, precision="fp32"))
    copy.set_weights(network.get_weights())
    return copy


def _describe(model: Any, facts: dict[str, str]) -> None:
    """Adds facts to the file's metadata, and says that the number of images is one and the same everywhere."""
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    for value in (*model.graph.input, *model.graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if not first.dim_value:
            first.dim_param = "batch"
    assert {value.name for value in model.graph.output} == set(OUTPUTS)
