"""A trained Keras network that detects objects in photos, and its weight file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from fmask.inference.predictor import Predictor
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights import matterport
from fmask.model.weights.metadata import NetworkMetadata, read_metadata
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


class KerasPredictor(Predictor):
    """A trained Keras network and how photos are prepared for it."""

    def __init__(self, network: MaskRCNN, image_size: int, antialias: bool) -> None:
        super().__init__(image_size, antialias, network.config.detection.align_corners)
        self.network = network
        self._detect = _Detect(network)
        self._detect.compile(jit_compile=JIT)

    @property
    def batch_size(self) -> int:
        """Number of photos in a batch by default: as many as `MAX_REGIONS` allows."""
        return max(1, MAX_REGIONS // self.network.config.proposals.detect)

    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        return self._detect.predict_on_batch(inputs)

    def save(self, path: Path) -> None:
        """Write the network and its metadata to one HDF5 file, which contains no code.

        `fmask.model.weights.matterport` reads the file, so another training can start from it. Matterport's own code
        can read it too if the layers are the same.

        Raises:
            UserError: the file cannot be written; no partial file remains.
        """
        metadata = NetworkMetadata(
            self.network.backbone, self.network.config, self.image_size, self.antialias, self.network.num_classes
        )
        matterport.save_weights(self.network, path, {"fmask": metadata.to_json()})

    @classmethod
    def load(cls, path: Path) -> "KerasPredictor":
        """Build a network from a file that `save` wrote.

        Raises:
            UserError: the file is missing, or `save` did not write it.
        """
        path = Path(path)
        metadata = read_metadata(path)
        network = MaskRCNN(metadata.backbone, metadata.num_classes, metadata.model)
        if missing := matterport.load_weights(network, path).random:
            raise UserError(f"{path} is damaged: it lacks weights of the layers {', '.join(missing)}.")
        return cls(network, metadata.image_size, metadata.antialias)
