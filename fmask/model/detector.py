"""From photos of any size to what is in them, and the file that a trained network travels in."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
from omegaconf import OmegaConf

from fmask.backend import JIT
from fmask.detections import Detections
from fmask.errors import UserError
from fmask.model import weights
from fmask.model.config import ModelConfig
from fmask.model.frame import mold, normalise, unmold
from fmask.model.mask_rcnn import Detect, MaskRCNN

REGIONS_AT_ONCE = 1000
"""In detection; pooled from 256 channels, they and what is made of them take about a gigabyte."""


class Detector:
    """A trained network with everything needed to point it at a photo."""

    def __init__(self, network: MaskRCNN, size: int, smooth: bool) -> None:
        self.network, self.size, self.smooth = network, size, smooth
        self._detect = Detect(network)
        self._detect.compile(jit_compile=JIT)

    def detect(self, image: np.ndarray) -> Detections:
        """Finds the instances in one photo, uint8 (H, W, 3), RGB."""
        return self.detect_all([image], batch=1)[0]

    def detect_all(self, images: Sequence[np.ndarray], batch: int | None = None) -> list[Detections]:
        """Finds the instances in photos, each uint8 (H, W, 3), RGB, of its own size.

        `batch` photos go through the network together; unless said, as many as memory is made for.
        """
        batch = batch or max(1, REGIONS_AT_ONCE // self.network.config.proposals.detect)
        found: list[Detections] = []
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            molds = [mold(image, self.size, self.smooth) for image in part]
            # Always the same shape, so that the network is traced once.
            padded = molds + [molds[-1]] * (batch - len(molds))
            inputs = {
                "image": np.stack([one.image for one in padded]),
                "window": np.stack([normalise(one.window, self.size, self.size) for one in padded]),
            }
            result = self._detect.predict_on_batch(inputs)
            for index, (image, one) in enumerate(zip(part, molds, strict=True)):
                boxes, class_ids, scores, masks = (
                    np.asarray(result[key][index]) for key in ("boxes", "class_ids", "scores", "masks")
                )
                found.append(unmold(boxes, class_ids, scores, masks, one, *image.shape[:2]))
        return found

    def save(self, path: Path) -> None:
        """Writes the network and what is needed to build it again to one HDF5 file; no code is in it.

        It is a file of `fmask.model.weights`, which another network can start from, and matterport's original too
        where the layers are its.

        Raises:
            UserError: the file cannot be written; nothing is left behind then.
        """
        recipe = {
            "backbone": self.network.backbone,
            "model": asdict(self.network.config),
            "size": self.size,
            "smooth": self.smooth,
        }
        weights.export(self.network, path, {"fmask": json.dumps(recipe)})

    @classmethod
    def load(cls, path: Path) -> "Detector":
        """Builds the network that `save` wrote.

        Raises:
            UserError: the file is not there or not one of those.
        """
        path = Path(path)
        try:
            with h5py.File(path) as file:
                recipe = json.loads(file.attrs["fmask"])
        except (OSError, KeyError, ValueError) as error:
            raise UserError(f"{path} is no detector saved by fmask: {str(error).splitlines()[0]}.") from error
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ModelConfig), recipe["model"]))
        assert isinstance(config, ModelConfig)
        network = MaskRCNN(recipe["backbone"], config)
        if missing := weights.load(network, path).random:
            raise UserError(f"{path} is damaged: it lacks weights of the layers {', '.join(missing)}.")
        return cls(network, recipe["size"], recipe["smooth"])
