"""The description of a trained network, from its file alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fmask.inference.stated import stated_network
from fmask.model.weights.metadata import read_metadata, read_operating_point, read_run
from fmask.structures.hierarchy import Hierarchy
from fmask.structures.operating_point import OperatingPoint
from fmask.utils.files import sha256_of


@dataclass(frozen=True)
class Description:
    """What a network is, and where it comes from."""

    file: Path
    bytes: int
    """Size of the file."""
    sha256: str
    kind: str
    """The file's format, in words."""
    backbone: str
    classes: tuple[str, ...]
    """The class names, without the background."""
    hierarchy: Hierarchy
    """The parents of the classes and their leaves; empty without parents."""
    image_size: int
    """Side in pixels of the square input; a photo's longer side is scaled to it."""
    antialias: bool
    """Whether shrinking a photo averages its pixels."""
    settings: Mapping[str, Any]
    """The settings of the network, nested."""
    conventions: Mapping[str, str]
    """The meaning of the inputs and outputs of an ONNX file, in words."""
    run: str | None
    """Id of the MLflow run that trained the network, if the file names it."""
    operating_point: OperatingPoint | None
    """Which detections count by default; None if none was chosen."""


def describe_network(file: Path) -> Description:
    """Read the description of a network from its weight file or ONNX file, without building the network.

    Raises:
        UserError: the file is missing, or it is not a network of fmask.
    """
    if file.suffix == ".onnx":
        return _describe_onnx(file)
    stated_network(file, ())  # refuses files without a description
    metadata = read_metadata(file)
    return Description(
        file,
        file.stat().st_size,
        sha256_of(file),
        "Keras weights (.h5)",
        metadata.backbone,
        metadata.classes,
        metadata.hierarchy,
        metadata.image_size,
        metadata.antialias,
        asdict(metadata.model),
        {},
        read_run(file),
        read_operating_point(file, metadata.classes),
    )


def network_classes(file: Path, settings: Sequence[str] = ()) -> tuple[tuple[str, ...], Hierarchy]:
    """Return the class names of a network and their parents from its file.

    Arguments and errors are those of `fmask.inference.load.load`.
    """
    if file.suffix == ".onnx":
        from fmask.inference.onnx import OnnxPredictor

        predictor = OnnxPredictor(file)
        return predictor.classes, predictor.hierarchy
    metadata = stated_network(file, settings) or read_metadata(file)
    return metadata.classes, metadata.hierarchy


def _describe_onnx(file: Path) -> Description:
    from fmask.inference import onnx

    predictor = onnx.OnnxPredictor(file)
    metadata = predictor.metadata
    return Description(
        file,
        file.stat().st_size,
        sha256_of(file),
        f"ONNX, {f'batches of {predictor.fixed_batch_size}' if predictor.fixed_batch_size else 'any batch size'}",
        metadata.get(onnx.BACKBONE, "not recorded"),
        predictor.classes,
        predictor.hierarchy,
        predictor.image_size,
        predictor.antialias,
        json.loads(metadata.get(onnx.SETTINGS, "{}")),
        {key.removeprefix("fmask."): metadata[key] for key in onnx.CONVENTIONS if key in metadata},
        metadata.get(onnx.RUN),
        predictor.operating_point,
    )
