"""The interface of trained networks that detect objects in photos."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, overload

import numpy as np

from fmask.data.images import load_image
from fmask.model.preprocessing import predict_in_batches
from fmask.structures.detections import Detections
from fmask.structures.hierarchy import Hierarchy
from fmask.structures.operating_point import OperatingPoint
from fmask.utils.errors import UserError

Image = str | PathLike[str] | np.ndarray
"""A photo: the path of its file, or its pixels, uint8 (H, W, 3), RGB."""


class Predictor(ABC):
    """What detects objects in photos: a trained network, or several.

    Args:
        image_size: side in pixels of the network's square input; a photo's longer side is scaled to it.
        classes: the class names, in the order of their ids.
        hierarchy: the parents of the classes and their leaves; None for no parents.
        nms: the setting `detection.nms`, the IoU above which the network suppresses detections of a class; only scores
            at the parents use it.
    """

    runtime: str
    """What computes the network: `onnx` or `keras`."""
    threads: int = 1
    """How many threads may use `single_threaded` at the same time."""

    def __init__(
        self, image_size: int, classes: Sequence[str], hierarchy: Hierarchy | None = None, nms: float = 1.0
    ) -> None:
        self.image_size = image_size
        self.classes = tuple(classes)
        self.operating_point: OperatingPoint | None = None
        """Which detections count by default, and the calibration of their scores; None if none was chosen."""
        self.hierarchy, self.nms = hierarchy or {}, nms

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Number of photos in a batch by default."""

    @property
    def max_detections(self) -> int | None:
        """The most detections in a photo; None if that is not known."""
        return None

    @property
    def fixed_batch_size(self) -> int | None:
        """The only batch size that the network accepts; None if it accepts any."""
        return None

    def single_threaded(self) -> "Predictor":
        """Return a copy that computes in the calling thread, for use in several threads; itself if `threads` is 1.

        Many photos take less time if each thread works on its own photo than if all threads share one.
        """
        return self

    @overload
    def predict(  # type: ignore[overload-overlap]  # a str is a path, not a sequence of paths
        self, images: Image, batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> Detections: ...

    @overload
    def predict(
        self, images: Sequence[Image], batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> list[Detections]: ...

    def predict(
        self, images: Image | Sequence[Image], batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> Detections | list[Detections]:
        """Detect the objects in a photo, or in each photo of a list.

        Args:
            images: a photo, given as a path or as pixels, uint8 (H, W, 3), RGB; or a list of photos, of any sizes.
            batch_size: number of photos in a batch; `self.batch_size` by default.
            max_mask_pixels: the most pixels that all masks of one photo may have together; unlimited by default.

        Returns:
            The detections of the photo, or a list with those of each photo.

        Raises:
            UserError: a photo has another type or cannot be read, or its masks have more than `max_mask_pixels`
                pixels.
        """
        if isinstance(images, str | PathLike | np.ndarray):
            return self.predict([images], batch_size or 1, max_mask_pixels)[0]
        if not isinstance(images, Sequence):
            raise UserError(f"Photos must be a path, an array, or a list of these, not {type(images).__name__}.")
        found = self.predict_each(map(_pixels, images), batch_size, max_mask_pixels)
        return [
            each if isinstance(image, np.ndarray) else replace(each, load_photo=partial(load_image, Path(image)))
            for image, each in zip(images, found, strict=True)
        ]

    @abstractmethod
    def predict_each(
        self, images: Iterable[np.ndarray], batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> Iterator[Detections]:
        """Yield the detections in each photo, in order, with few photos and masks in memory.

        The photos of a batch are read one after the other before its first detections.

        Args:
            images: the photos, uint8 (H, W, 3), RGB, of any sizes; they may be made one by one.
            batch_size: as in `predict`.
            max_mask_pixels: as in `predict`.

        Raises:
            UserError: the masks of a photo have more than `max_mask_pixels` pixels.
        """


class NetworkPredictor(Predictor):
    """A trained network and how photos are prepared for it.

    Args:
        image_size: as in `Predictor`.
        antialias: whether shrinking a photo averages its pixels; see `fmask.utils.resize`.
        align_corners: how boxes are scaled to the photo; see `fmask.model.config.Detection`.
        classes: as in `Predictor`.
        hierarchy: as in `Predictor`.
        nms: as in `Predictor`.
    """

    def __init__(
        self,
        image_size: int,
        antialias: bool,
        align_corners: bool,
        classes: Sequence[str],
        hierarchy: Hierarchy | None = None,
        nms: float = 1.0,
    ) -> None:
        super().__init__(image_size, classes, hierarchy, nms)
        self.antialias, self.align_corners = antialias, align_corners

    @abstractmethod
    def _run(self, inputs: dict[str, np.ndarray]) -> Mapping[str, Any]:
        """Run the network, with the input and output of `fmask.model.mask_rcnn.MaskRCNN.call`."""

    def predict_each(
        self, images: Iterable[np.ndarray], batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> Iterator[Detections]:
        """Yield the detections in each photo, in order; see `Predictor.predict_each`."""
        batch_size = self.fixed_batch_size or batch_size or self.batch_size
        preparation = self.image_size, self.antialias, self.align_corners
        found = predict_in_batches(images, *preparation, batch_size, self._run, self.classes, max_mask_pixels)
        # Unlike a generator's variable, `map` does not keep a photo's masks while the next ones are made.
        return map(partial(replace, operating_point=self.operating_point), found)


def _pixels(image: Image) -> np.ndarray:
    if isinstance(image, str | PathLike):
        return load_image(Path(image))
    if not isinstance(image, np.ndarray):
        raise UserError(f"A photo must be a path or a uint8 array (H, W, 3), not {type(image).__name__}.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(f"A photo must be a uint8 array (H, W, 3), not {image.dtype} {image.shape}.")
    return image
