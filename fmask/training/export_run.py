"""The ONNX file of a finished run, which is checked against Keras on validation photos."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fmask import tracking
from fmask.data.images import load_image
from fmask.inference.agreement import compare
from fmask.inference.export import can_export, export_onnx
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.onnx import OnnxPredictor
from fmask.model.preprocessing import letterbox, normalise
from fmask.structures.annotations import Photo

PHOTOS = 4
"""Number of photos to compare the detections in."""
CHECK_ARTIFACT = "weights/onnx_check.json"
"""Artifact with the largest differences from Keras."""


def export_run(predictor: KerasPredictor, weights: Path, photos: Sequence[Photo], run: tracking.Run) -> str:
    """Write the network of a run as an ONNX file beside its weights, and compare it with Keras in float32.

    A file that detects something else is deleted. The largest differences are logged as `CHECK_ARTIFACT`.

    Args:
        predictor: the network.
        weights: its weight file, `last.h5`.
        photos: photos to compare detections in; the first `PHOTOS` are used.
        run: the run.

    Returns:
        One line for the terminal.
    """
    if not can_export():
        return "No ONNX file: export needs KERAS_BACKEND=tensorflow. detect, splash, watch and evaluate use Keras."
    started = time.process_time()
    size = predictor.image_size
    export = export_onnx(predictor, weights.with_suffix(".onnx"), weights=weights)
    frames = [letterbox(load_image(photo.path), size, predictor.antialias) for photo in photos[:PHOTOS]]
    inputs = {
        "image": np.stack([frame.image for frame in frames]),
        "window": np.stack([normalise(frame.window, size, size) for frame in frames]),
    }
    agreement = compare(OnnxPredictor(export.file)._run(inputs), export.detect(inputs), size)
    seconds = time.process_time() - started
    run.log_json({"file": export.file.name, "cpu_seconds": round(seconds, 1), **asdict(agreement)}, CHECK_ARTIFACT)
    measured = (
        f"{agreement.detections} detections in {agreement.photos} photos differ from Keras' by up to "
        f"{agreement.box:.2g} px, {agreement.score:.1g} in score"
    )
    if agreement.holds:
        return f"ONNX file, for detection without TensorFlow: {measured} ({seconds:.0f} CPU s)"
    export.file.unlink()
    return f"No ONNX file: {measured}, and {agreement.lost} have no counterpart. Detection uses Keras."
