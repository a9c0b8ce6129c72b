"""The objects that a network detected in one photo."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from fmask.structures.operating_point import FIXED, OperatingPoint
from fmask.structures.run_length import RunLengths, decode_mask, encode_mask
from fmask.visualization.boxes import Mark
from fmask.visualization.overlay import overlay
from fmask.visualization.palette import class_colour

LISTED = 10
"""Largest number of detections that `repr` lists."""


@dataclass(frozen=True)
class Detections:
    """The objects detected in one photo, in the photo's pixels, best score first.

    N detections in a photo of H x W pixels.
    """

    boxes: np.ndarray
    """(N, 4) float32: y1, x1, y2, x2 with exclusive ends."""
    class_ids: np.ndarray
    """(N,) int64 in 1..K - 1; 0, the background, does not occur."""
    scores: np.ndarray
    """(N,) float32 in [0, 1], descending."""
    masks: np.ndarray
    """(N, H, W) bool."""
    classes: tuple[str, ...]
    """The K - 1 class names of the network. The name of class k is at position k - 1."""
    load_photo: Callable[[], np.ndarray] | None = field(default=None, repr=False, compare=False)
    """Returns the photo, uint8 (H, W, 3), where the detections came from a file; for `plot`."""
    operating_point: OperatingPoint | None = field(default=None, repr=False, compare=False)
    """That of the network, for `select` and `probabilities`; None if it has none."""

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        listed = [f"{label} {score:.2f}" for label, score in zip(self.labels, self.scores, strict=True)]
        rest = [f"and {len(listed) - LISTED} more"] if len(listed) > LISTED else []
        return f"Detections({', '.join([*listed[:LISTED], *rest]) or 'none'})"

    @property
    def labels(self) -> list[str]:
        """The N class names."""
        return [self.classes[class_id - 1] for class_id in self.class_ids]

    @property
    def probabilities(self) -> np.ndarray | None:
        """(N,) float64 in [0, 1]: how probable it is that each detection is right, from its score; None if unknown."""
        return self.operating_point.calibration(self.scores) if self.operating_point else None

    def select(self, min_confidence: float | None = None) -> "Detections":
        """Return the detections that count.

        Args:
            min_confidence: the lowest score. By default the thresholds of the network's operating point decide, or
                0.5 if it has none.
        """
        if min_confidence is None and self.operating_point:
            return self.where(self.operating_point.keeps(self.class_ids, self.scores))
        return self.at_least(FIXED if min_confidence is None else min_confidence)

    def at_least(self, min_confidence: float) -> "Detections":
        """Return the detections whose score is `min_confidence` or more. Masks are shared, not copied."""
        first = slice(np.count_nonzero(self.scores >= min_confidence))
        boxes, class_ids = self.boxes[first], self.class_ids[first]
        return replace(self, boxes=boxes, class_ids=class_ids, scores=self.scores[first], masks=self.masks[first])

    def where(self, kept: np.ndarray) -> "Detections":
        """Return the detections that a mask, bool (N,), chooses."""
        boxes, class_ids = self.boxes[kept], self.class_ids[kept]
        return replace(self, boxes=boxes, class_ids=class_ids, scores=self.scores[kept], masks=self.masks[kept])

    def encode(self) -> "EncodedDetections":
        """Return the detections with masks as run lengths."""
        codes = tuple(encode_mask(mask) for mask in self.masks)
        height, width = self.masks.shape[1:]
        return EncodedDetections(self.boxes, self.class_ids, self.scores, codes, height, width, self.classes)

    def plot(self, image: np.ndarray | None = None, min_confidence: float | None = None) -> Image.Image:
        """Draw the detections over the photo.

        Args:
            image: the photo, uint8 (H, W, 3), RGB; not needed where `predict` was given a path.
            min_confidence: lowest score of the detections to draw; by default those of `select`.

        Returns:
            A picture. Notebooks show it; `picture.save("found.png")` saves it.

        Raises:
            ValueError: the photo is not known, or it has another size than the masks.
        """
        if image is None and self.load_photo is None:
            raise ValueError("plot() needs the photo: pass it as `image`, or give `predict` a path.")
        photo = self.load_photo() if image is None and self.load_photo else np.asarray(image)
        if photo.shape[:2] != self.masks.shape[1:]:
            height, width = self.masks.shape[1:]
            raise ValueError(f"The photo must have {width} x {height} pixels, not {photo.shape[1]} x {photo.shape[0]}.")
        shown = self.select(min_confidence)
        marks = [
            Mark(tuple(box), class_colour(class_id), f"{label} {score:.2f}")
            for box, class_id, label, score in zip(
                shown.boxes.tolist(), shown.class_ids, shown.labels, shown.scores, strict=True
            )
        ]
        return Image.fromarray(overlay(photo, shown.masks, shown.class_ids, marks))


@dataclass(frozen=True)
class EncodedDetections:
    """The objects detected in one photo, with masks as run lengths: some kilobytes, however large the photo is.

    Scores are computed from them, so that no masks at full size are kept. `Detections.encode` makes them.
    """

    boxes: np.ndarray
    """As in `Detections`."""
    class_ids: np.ndarray
    """As in `Detections`."""
    scores: np.ndarray
    """As in `Detections`."""
    masks: tuple[RunLengths, ...]
    """The N masks."""
    height: int
    """H."""
    width: int
    """W."""
    classes: tuple[str, ...]
    """As in `Detections`."""

    def __len__(self) -> int:
        return len(self.scores)

    def at_least(self, min_confidence: float) -> "EncodedDetections":
        """Return the detections whose score is `min_confidence` or more."""
        first = slice(np.count_nonzero(self.scores >= min_confidence))
        return replace(
            self,
            boxes=self.boxes[first],
            class_ids=self.class_ids[first],
            scores=self.scores[first],
            masks=self.masks[first],
        )

    def where(self, kept: np.ndarray) -> "EncodedDetections":
        """Return the detections that a mask, bool (N,), chooses."""
        masks = tuple(mask for mask, chosen in zip(self.masks, kept.tolist(), strict=True) if chosen)
        boxes, class_ids = self.boxes[kept], self.class_ids[kept]
        return replace(self, boxes=boxes, class_ids=class_ids, scores=self.scores[kept], masks=masks)

    def union(self) -> np.ndarray:
        """Return which pixels any of the masks covers, bool (H, W)."""
        covered = np.zeros((self.height, self.width), dtype=bool)
        for mask in self.masks:
            covered |= decode_mask(mask)
        return covered
