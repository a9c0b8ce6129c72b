"""From photos of any size to what is in them, and the file that a trained network travels in."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fmask.model.mask_rcnn import Detect, MaskRCNN
from fmask.model.preprocessing import in_frames
from fmask.model.weights import matterport
from fmask.model.weights.metadata import Recipe, read_recipe
from fmask.structures.detections import Detections
from fmask.utils.backend import JIT
from fmask.utils.errors import UserError

REGIONS_AT_ONCE = 1000
"""In detection; pooled from 256 channels, they and what is made of them take about a gigabyte."""


class Detector:
    """A trained network with everything needed to point it at a photo."""

    def __init__(self, network: MaskRCNN, size: int, smooth: bool) -> None:
        self.network, self.size, self.smooth = network, size, smooth
        self._detect = Detect(network)
        self._detect.compile(jit_compile=JIT)

    @property
    def batch(self) -> int:
        """How many photos go through the network together: as many as memory is made for."""
        return max(1, REGIONS_AT_ONCE // self.network.config.proposals.detect)

    def detect(self, image: np.ndarray, most: int | None = None) -> Detections:
        """Finds the instances in one photo, uint8 (H, W, 3), RGB.

        Raises:
            UserError: their masks have more than `most` pixels together.
        """
        return in_frames([image], self.size, self.smooth, 1, self._detect.predict_on_batch, most)[0]

    def detect_all(self, images: Sequence[np.ndarray], batch: int | None = None) -> list[Detections]:
        """Finds the instances in photos, each uint8 (H, W, 3), RGB, of its own size.

        `batch` photos go through the network together, `self.batch` of them unless said.
        """
        batch = batch or self.batch
        return in_frames(images, self.size, self.smooth, batch, self._detect.predict_on_batch)

    def save(self, path: Path) -> None:
        """Writes the network and what is needed to build it again to one HDF5 file; no code is in it.

        It is a file of `fmask.model.weights.matterport`, which another network can start from, and matterport's
        original too where the layers are its.

        Raises:
            UserError: the file cannot be written; nothing is left behind then.
        """
        recipe = Recipe(self.network.backbone, self.network.config, self.size, self.smooth)
        matterport.export(self.network, path, {"fmask": recipe.to_json()})

    @classmethod
    def load(cls, path: Path) -> "Detector":
        """Builds the network that `save` wrote.

        Raises:
            UserError: the file is not there or not one of those.
        """
        path = Path(path)
        recipe = read_recipe(path)
        network = MaskRCNN(recipe.backbone, recipe.model)
        if missing := matterport.load(network, path).random:
            raise UserError(f"{path} is damaged: it lacks weights of the layers {', '.join(missing)}.")
        return cls(network, recipe.size, recipe.smooth)
