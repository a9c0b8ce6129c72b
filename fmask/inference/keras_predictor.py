"""A trained Keras network that detects objects in photos, and its weight file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmask.inference.predictor import NetworkPredictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import matterport, operating_point
from fmask.model.weights.metadata import RUN, NetworkMetadata, read_metadata, read_operating_point, read_run
from fmask.structures.hierarchy import Hierarchy, leaf_ids
from fmask.utils.backend import JIT
from fmask.utils.errors import UserError

MAX_REGIONS = 1000
"""Largest number of regions in a batch; pooled from 256 channels, they take about a gigabyte."""


class _Detect(keras.Model):
    """A wrapper of `MaskRCNN.call` with its own graph, which remains valid when training recompiles the network."""

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__(name="detect")
        self.network = network
        self.built = True

    def call(self, inputs: Mapping[str, Any]) -> Any:
        return self.network(inputs, training=False)


class KerasPredictor(NetworkPredictor):
    """A trained Keras network and how photos are prepared for it.

    Args:
        network: the network.
        image_size: as in `NetworkPredictor`.
        antialias: as in `NetworkPredictor`.
        classes: the class names; the network has one class more, the background.
        hierarchy: as in `NetworkPredictor`.
    """

    runtime = "keras"

    def __init__(
        self,
        network: MaskRCNN,
        image_size: int,
        antialias: bool,
        classes: Sequence[str],
        hierarchy: Hierarchy | None = None,
    ) -> None:
        detection = network.config.detection
        super().__init__(image_size, antialias, detection.align_corners, classes, hierarchy, detection.nms)
        assert network.num_classes == 1 + len(self.classes)
        self.network = network
        self.run: str | None = None
        """Id of the MLflow run that trained the network, if known."""
        self._detect = _Detect(network)
        self._detect.compile(jit_compile=JIT)

    @property
    def batch_size(self) -> int:
        """Number of photos in a batch by default: as many as `MAX_REGIONS` allows."""
        return max(1, MAX_REGIONS // self.network.config.proposals.detect)

    @property
    def max_detections(self) -> int:
        """The setting `detection.count`."""
        return self.network.config.detection.count

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        return self._detect.predict_on_batch(inputs)

    def save(self, path: Path) -> None:
        """Write the network and its metadata to one HDF5 file, which contains no code.

        `fmask.model.weights.matterport` reads the file, so another training can start from it. Matterport's own code
        can read it too if the layers are the same.

        Raises:
            UserError: the file cannot be written; no partial file remains.
        """
        matterport.save_weights(self.network, path, {"fmask": self.metadata().to_json()} | self._origin())

    def _origin(self) -> dict[str, str]:
        point = self.operating_point
        return ({RUN: self.run} if self.run else {}) | (
            {operating_point.ATTRIBUTE: operating_point.as_text(point)} if point else {}
        )

    def metadata(self) -> NetworkMetadata:
        """Return the description of the network, which `save` writes."""
        return NetworkMetadata(
            self.network.backbone,
            self.network.config,
            self.image_size,
            self.antialias,
            self.classes,
            self.hierarchy,
        )

    @classmethod
    def load(cls, path: Path, stated: NetworkMetadata | None = None) -> "KerasPredictor":
        """Build a network from a weight file.

        Args:
            path: a file that `save` wrote, or another file in matterport's layout.
            stated: the description of the network if the file lacks it.

        Raises:
            UserError: the file is missing; it is damaged; or its layers are not those of the stated network.
        """
        path = Path(path)
        metadata = stated or read_metadata(path)
        groups = leaf_ids(metadata.classes, metadata.hierarchy)
        network = MaskRCNN(metadata.backbone, metadata.num_classes, metadata.model, groups=groups)
        report = matterport.load_weights(network, path)
        if stated:
            _check_complete(report, metadata)
        elif report.random:
            raise UserError(f"{path} is damaged: it lacks weights of the layers {', '.join(report.random)}.")
        predictor = cls(network, metadata.image_size, metadata.antialias, metadata.classes, metadata.hierarchy)
        predictor.run = read_run(path)
        predictor.operating_point = read_operating_point(path, predictor.classes)
        return predictor


def _check_complete(report: matterport.LoadReport, stated: NetworkMetadata) -> None:
    """Check that the layers of a file are exactly those of the stated network."""
    classes = matterport.count_classes(report.path)
    if classes not in (None, stated.num_classes):
        raise UserError(
            f"{report.path} is a network for {classes - 1} classes, not for {stated.num_classes - 1}; state their "
            f'names, as in --set "data.classes=[cat, dog]", or train on it: weights={report.path}.'
        )
    if report.random or report.skipped:
        raise UserError(
            f"{report.path} is not a network with the stated settings, of which the backbone is {stated.backbone}: "
            f"{str(report).partition(': ')[2]}."
        )
