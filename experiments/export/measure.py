"""Measure the cost of a photo in each runtime, and compare the detections. Prints the tables in README.md.

    uv run --with openvino==2026.4.1 experiments/export/measure.py MODEL PHOTOS [THREADS]

MODEL is a file written by `KerasPredictor.save`, PHOTOS the folder of the study's photos. The runtimes take turns photo
by photo, so that other load on the machine affects all of them alike.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
from fmask.data.formats.read import read_split
from fmask.data.images import load_image
from fmask.evaluation.average_precision import average_precision
from fmask.inference.export import export_onnx
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OUTPUTS, OnnxPredictor
from fmask.model import geometry
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.preprocessing import letterbox, normalise, predict_in_batches
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections
from fmask.training.train import use_threads

Find = Callable[[np.ndarray], Detections]
Runtime = tuple[Find, Path]
"""A function that predicts one photo, and the file or folder of its model."""
BASELINE = "Keras, fp32"
HEADER = " | CPU ms per photo | speed-up | wall ms per photo | MB | val mask AP50 | box AP50 | same | box px | mask IoU"
THREADS = int(sys.argv[3]) if len(sys.argv) > 3 else 1
"""Threads of each runtime."""
ROUNDS = 2
CALIBRATION = 60
"""Training photos for the calibration of int8."""
QUANTISED = ["Conv", "ConvTranspose", "Gemm"]
"""Operations to quantise. MatMul is not one of them, because pooling uses matrix products that contain positions."""


def main(model: Path, photos: Path) -> None:
    use_threads(THREADS)
    val, train = (read_split(photos / name).photos for name in ("val", "train"))
    with tempfile.TemporaryDirectory() as folder:
        runtimes = make_runtimes(model, train[:CALIBRATION], Path(folder))
        found, seconds = take_turns(runtimes, [load_image(photo.path) for photo in val])
        medians = {name: np.median(values, axis=0) for name, values in seconds.items()}
        print(f"| {HEADER} |", "|---" * 10 + "|", sep="\n")
        for name, (_, file) in runtimes.items():
            cpu, wall = medians[name]
            scores = average_precision(val, [each.encode() for each in found[name]]).metrics
            times = f"{cpu * 1000:.0f} | {medians[BASELINE][0] / cpu:.2f} | {wall * 1000:.0f}"
            numbers = f"{times} | {size(file):.1f}"
            precisions = f"{scores['mask_ap50']:.4f} | {scores['box_ap50']:.4f}"
            print(f"| {name} | {numbers} | {precisions} | {difference(found[BASELINE], found[name])} |")


def make_runtimes(model: Path, calibration: Sequence[Photo], folder: Path) -> dict[str, Runtime]:
    """Export the model to every runtime, with files in `folder`. A runtime that fails is reported and left out."""
    trained = plain = KerasPredictor.load(model)
    runtimes: dict[str, Runtime] = {}
    precision = trained.network.config.precision
    if precision != "fp32":
        runtimes[f"Keras, {precision}"] = trained.predict, model
        network = MaskRCNN(trained.network.backbone, 3, replace(trained.network.config, precision="fp32"))
        network.set_weights(trained.network.get_weights())
        plain = KerasPredictor(network, trained.image_size, trained.antialias, trained.classes)
    runtimes[BASELINE] = plain.predict, model

    file, saved = folder / "network.onnx", folder / "saved"
    export_onnx(trained, file)
    onnx = OnnxPredictor(file, threads=THREADS)
    runtimes["ONNX Runtime, fp32"] = onnx.predict, file
    images = [load_image(photo.path) for photo in calibration]
    attempt(runtimes, "ONNX Runtime, int8", lambda: int8(file, images, onnx))
    attempt(runtimes, "TensorFlow SavedModel, fp32", lambda: saved_model(saved, plain))
    attempt(runtimes, "LiteRT, fp32", lambda: litert(folder / "network.tflite", plain))
    attempt(runtimes, "OpenVINO from ONNX, fp32", lambda: openvino(file, plain, "f32"))
    attempt(runtimes, "OpenVINO from ONNX, bf16", lambda: openvino(file, plain, "bf16"))
    return runtimes


def take_turns(
    runtimes: dict[str, Runtime], images: Sequence[np.ndarray]
) -> tuple[dict[str, list[Detections]], dict[str, list[tuple[float, float]]]]:
    """Predict each photo with each runtime, `ROUNDS` times.

    Returns:
        The detections, and the CPU and wall-clock seconds of each prediction, by runtime.
    """
    found: dict[str, list[Detections]] = {name: [] for name in runtimes}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runtimes}
    for find, _ in runtimes.values():
        find(images[0])  # warm-up: tracing and allocation
    for turn in range(ROUNDS):
        for image in images:
            for name, (find, _) in runtimes.items():
                cpu, wall = time.process_time(), time.perf_counter()
                result = find(image)
                seconds[name].append((time.process_time() - cpu, time.perf_counter() - wall))
                if turn == 0:
                    found[name].append(result)
    return found, seconds


def attempt(runtimes: dict[str, Runtime], name: str, make: Callable[[], Runtime]) -> None:
    """Add a runtime, or print why it failed."""
    try:
        find, file = make()
        find(np.zeros((64, 64, 3), np.uint8))
        runtimes[name] = find, file
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)


def int8(file: Path, images: Sequence[np.ndarray], onnx: OnnxPredictor) -> Runtime:
    """Quantise after training: weights per channel, and activations by their ranges on the calibration photos."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Photos(CalibrationDataReader):
        def __init__(self) -> None:
            self.inputs = (framed(image, onnx) for image in images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.inputs, None)

    ready, out = file.with_stem("ready"), file.with_stem("int8")
    quant_pre_process(file, ready, skip_symbolic_shape=True)
    quantize_static(
        ready,
        out,
        Photos(),
        op_types_to_quantize=QUANTISED,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": False},
    )
    return OnnxPredictor(out, threads=THREADS).predict, out


def saved_model(folder: Path, predictor: KerasPredictor) -> Runtime:
    """Export to a TensorFlow SavedModel."""
    import tensorflow as tf

    predictor.network.export(folder, "tf_saved_model", input_signature=signature(predictor), verbose=False)
    loaded = tf.saved_model.load(folder)
    return framing(predictor, lambda inputs: loaded.serve(inputs)), folder


def litert(file: Path, predictor: KerasPredictor) -> Runtime:
    """Export to LiteRT."""
    import tensorflow as tf

    with mock.patch.object(geometry, "non_max_suppression", suppress_in_one_photo):
        predictor.network.export(file, "litert", input_signature=signature(predictor), verbose=False)
    # Without the faster kernels of XNNPACK, which fail to prepare one of the network's nodes.
    kernels = tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = tf.lite.Interpreter(str(file), num_threads=THREADS, experimental_op_resolver_type=kernels)
    return framing(predictor, lambda inputs: interpreter.get_signature_runner()(**inputs)), file


def suppress_in_one_photo(boxes: Any, scores: Any, count: int, threshold: float) -> tuple[Any, Any]:
    """Compute `geometry.non_max_suppression` for one photo; LiteRT does not have the kernel for batches."""
    import tensorflow as tf

    indices, found = tf.raw_ops.NonMaxSuppressionV4(
        boxes=boxes[0], scores=scores[0], max_output_size=count, iou_threshold=threshold, score_threshold=-0.5,
        pad_to_max_output_size=True,
    )  # fmt: skip
    valid = tf.range(count) < found
    return tf.where(valid, indices, 0)[None], valid[None]


def openvino(model: Path, predictor: KerasPredictor, precision: str) -> Runtime:
    """Convert to OpenVINO, which stores weights in half precision."""
    import openvino as ov

    read = ov.convert_model(model)
    out = model.with_suffix(".xml")
    ov.save_model(read, out)
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": precision}
    compiled = ov.Core().compile_model(read, "CPU", settings)

    def run(inputs: dict[str, np.ndarray]) -> dict[str, Any]:
        result = compiled(inputs)
        return {name: result[name] for name in OUTPUTS}

    return framing(predictor, run), out.with_suffix(".bin")


def signature(predictor: KerasPredictor) -> list[dict[str, Any]]:
    """Return the input of `MaskRCNN.call` for one photo, as the exporters of Keras expect it."""
    from keras import InputSpec

    shapes = {"image": (1, predictor.image_size, predictor.image_size, 3), "window": (1, 4)}
    return [{name: InputSpec(shape=shape, dtype="float32", name=name) for name, shape in shapes.items()}]


def framing(predictor: KerasPredictor, run: Callable[[dict[str, np.ndarray]], dict[str, Any]]) -> Find:
    """Return a function that scales a photo, runs a model and returns the detections."""
    preparation = predictor.image_size, predictor.antialias, predictor.align_corners
    return lambda image: next(predict_in_batches([image], *preparation, 1, run, predictor.classes))


def framed(image: np.ndarray, onnx: OnnxPredictor) -> dict[str, np.ndarray]:
    """Return the input of the ONNX model for a photo."""
    one = letterbox(image, onnx.image_size, onnx.antialias)
    return {"image": one.image[None], "window": normalise(one.window, onnx.image_size, onnx.image_size)[None]}


def difference(expected: Sequence[Detections], found: Sequence[Detections]) -> str:
    """Compare detections with a score of 0.5 or more.

    Returns:
        The number of expected detections that have a counterpart (same class, mask IoU above 0.5), the largest distance
        of their boxes in pixels, and the smallest IoU of their masks.
    """
    pairs = list(_pairs(expected, found))
    total = sum(len(each.at_least(0.5)) for each in expected)
    if not pairs:
        return f"0 of {total} | | "
    return f"{len(pairs)} of {total} | {max(box for box, _ in pairs):.1f} | {min(iou for _, iou in pairs):.3f}"


def _pairs(expected: Sequence[Detections], found: Sequence[Detections]) -> Iterator[tuple[float, float]]:
    for baseline, other in zip(expected, found, strict=True):
        baseline = baseline.at_least(0.5)
        for class_id, box, mask in zip(baseline.class_ids, baseline.boxes, baseline.masks, strict=True):
            ious = [
                (mask & other_mask).sum() / max((mask | other_mask).sum(), 1) if other_id == class_id else 0.0
                for other_id, other_mask in zip(other.class_ids, other.masks, strict=True)
            ]
            if ious and max(ious) > 0.5:
                best = int(np.argmax(ious))
                yield float(np.abs(other.boxes[best] - box).max()), float(ious[best])


def size(path: Path) -> float:
    """Return the size of a file, or of all files in a folder, in MB."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 2**20


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
