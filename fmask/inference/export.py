"""A trained network as an ONNX file: images and windows in, detections out, all between in ONNX's own operations.

TensorFlow traces `Detect` and tf2onnx translates the graph, as Keras' own exporter does; that one takes no inputs by
name and no size but the traced one.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from fmask.inference.onnx import OUTPUTS, SIZE, SMOOTH
from fmask.inference.predictor import Detector
from fmask.model.mask_rcnn import Detect, MaskRCNN
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write

OPSET = 18
"""Of ONNX's operations: the newest that tf2onnx writes."""


def export_onnx(detector: Detector, path: Path, batch: int | None = None) -> None:
    """Writes the network, in float32 whatever it was trained in, to `path`.

    Inputs and outputs are those of `Detect`, by name; `fmask.inference.onnx.OnnxDetector` runs the file.

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

    size = detector.size
    detect = Detect(_in_float32(detector.network))
    signature = [
        tf.TensorSpec((batch, size, size, 3), tf.float32, "image"),
        tf.TensorSpec((batch, 4), tf.float32, "window"),
    ]

    @tf.function(input_signature=signature)
    def network(image: Any, window: Any) -> dict[str, Any]:
        return detect({"image": image, "window": window})

    model, _ = tf2onnx.convert.from_function(network, signature, opset=OPSET)
    _describe(model, {SIZE: str(size), SMOOTH: str(detector.smooth)})
    with atomic_write(path) as draft:
        draft.write_bytes(model.SerializeToString())


def _in_float32(network: MaskRCNN) -> MaskRCNN:
    """The network, or one with its weights that computes in float32."""
    if network.config.precision == "fp32":
        return network
    copy = MaskRCNN(network.backbone, replace(network.config, precision="fp32"))
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
