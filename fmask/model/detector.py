"""From a photo of any size to what is in it, and the file that a trained network travels in.

S is the side of the network's square input, H x W the photo's size.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from omegaconf import OmegaConf

from fmask.backend import JIT
from fmask.data.resize import resize
from fmask.detections import Detections
from fmask.errors import UserError
from fmask.model import geometry, weights
from fmask.model.config import ModelConfig
from fmask.model.mask_rcnn import Detect, MaskRCNN

REGIONS_AT_ONCE = 1000
"""In detection; pooled from 256 channels, they and what is made of them take about a gigabyte."""


@dataclass(frozen=True)
class Mold:
    """A photo brought to the network's frame."""

    image: np.ndarray
    """float32 (S, S, 3), RGB in 0..255, zero where there is no photo."""
    window: np.ndarray
    """(4,) pixels y1, x1, y2, x2 of the part that is photo."""


def mold(image: np.ndarray, size: int, smooth: bool) -> Mold:
    """Scales a photo, uint8 (H, W, 3), so that its longer side is `size`, and centres it in a square of zeros.

    `smooth` is that of `fmask.data.resize`.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    square = np.zeros((size, size, 3), np.float32)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    square[top : top + new_height, left : left + new_width] = resize(image, new_height, new_width, smooth)
    return Mold(square, np.array([top, left, top + new_height, left + new_width], np.float32))


def unmold(
    boxes: np.ndarray, class_ids: np.ndarray, scores: np.ndarray, masks: np.ndarray, mold: Mold, height: int, width: int
) -> Detections:
    """What `Detect` says of one image, in pixels of the photo of `height` x `width` that it was made from.

    Args: boxes (D, 4) normalised, class_ids (D,), scores (D,), masks (D, M, M) in [0, 1]; rows of class 0 are none.
    """
    size = mold.image.shape[0]
    window = geometry.normalise(mold.window, size, size)
    extent = np.maximum(window[2:] - window[:2], geometry.EPSILON)  # 0 where a very wide photo is one pixel high
    relative = (boxes - np.tile(window[:2], 2)) / np.tile(extent, 2)
    pixels = np.rint(geometry.denormalise(relative, height, width)).astype(np.int64)
    sides = pixels[:, 2:] - pixels[:, :2]
    kept = np.flatnonzero((class_ids > 0) & (sides > 0).all(axis=1))
    full = np.zeros((len(kept), height, width), bool)
    for target, index in zip(full, kept, strict=True):
        _paste(target, masks[index], pixels[index])
    return Detections(pixels[kept].astype(np.float32), class_ids[kept].astype(np.int64), scores[kept], full)


def _paste(target: np.ndarray, mask: np.ndarray, box: np.ndarray) -> None:
    """Draws a mask (M, M) of probabilities into its box of `target` (H, W) where it is one half or more."""
    y1, x1, y2, x2 = (int(value) for value in box)
    rows, columns = _stretch(y2 - y1, mask.shape[0]), _stretch(x2 - x1, mask.shape[1])
    pixels = rows @ mask @ columns.T >= 0.5
    height, width = target.shape
    top, left = max(0, -y1), max(0, -x1)
    seen = pixels[top : top + height - max(y1, 0), left : left + width - max(x1, 0)]
    target[max(y1, 0) : max(y1, 0) + seen.shape[0], max(x1, 0) : max(x1, 0) + seen.shape[1]] = seen


def _stretch(length: int, cells: int) -> np.ndarray:
    """Bilinear interpolation (length, cells) of `cells` values to `length`, half-pixel centres, zero outside."""
    points = (np.arange(length) + 0.5) * cells / length - 0.5
    return np.maximum(1 - np.abs(points[:, None] - np.arange(cells)), 0)


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

    def detect(self, image: np.ndarray) -> Detections:
        """Finds the instances in one photo, uint8 (H, W, 3), RGB."""
        return self.detect_all([image], batch=1)[0]

    def detect_all(self, images: Sequence[np.ndarray], batch: int | None = None) -> list[Detections]:
        """Finds the instances in photos, each uint8 (H, W, 3), RGB, of its own size.

        `batch` photos go through the network together, `self.batch` of them unless said.
        """
        batch = batch or self.batch
        found: list[Detections] = []
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            molds = [mold(image, self.size, self.smooth) for image in part]
            # Always the same shape, so that the network is traced once.
            padded = molds + [molds[-1]] * (batch - len(molds))
            inputs = {
                "image": np.stack([one.image for one in padded]),
                "window": np.stack([geometry.normalise(one.window, self.size, self.size) for one in padded]),
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
