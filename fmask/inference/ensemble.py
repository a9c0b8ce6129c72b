"""Several networks, or several views of a photo, that detect together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from fmask.inference.fusion import fuse
from fmask.inference.predictor import Predictor
from fmask.structures.detections import Detections
from fmask.utils.errors import UserError

FRAME = 1.3
"""Longer side of a photo with its frame in the view `smaller`, as a multiple of the photo's longer side."""


class Ensemble(Predictor):
    """Networks that detect in each photo, and in further views of it; `fmask.inference.fusion` fuses the detections.

    It has no operating point: fused scores are lower than those of one network.

    Args:
        members: the networks, with the same classes.
        views: names in `VIEWS`, of the views of a photo that each network is shown in addition.

    Raises:
        UserError: the networks have different classes, or there is no such view.
    """

    def __init__(self, members: Sequence[Predictor], views: Sequence[str] = ()) -> None:
        first = members[0]
        for other in members[1:]:
            if other.classes != first.classes:
                raise UserError(
                    "Networks that detect together must have the same classes in the same order, not "
                    f"{', '.join(first.classes)} and {', '.join(other.classes)}."
                )
        for view in views:
            if view not in VIEWS:
                raise UserError(f"There is no view {view!r}; the views are {', '.join(VIEWS)}.")
        super().__init__(first.image_size, first.classes, first.hierarchy, first.nms)
        self.members = tuple(members)
        self.views = tuple(dict.fromkeys(views))
        self.runtime = " and ".join(dict.fromkeys(member.runtime for member in members))
        self.threads = min(member.threads for member in members)

    @property
    def batch_size(self) -> int:
        """Number of photos in a batch by default."""
        return min(member.batch_size for member in self.members)

    @property
    def max_detections(self) -> int | None:
        """The most detections in a photo; None if that is not known."""
        counts = [member.max_detections for member in self.members]
        return max((count for count in counts if count is not None), default=None)

    def single_threaded(self) -> "Ensemble":
        """Return an ensemble that computes in the calling thread."""
        return Ensemble([member.single_threaded() for member in self.members], self.views)

    def predict_each(
        self, images: Iterable[np.ndarray], batch_size: int | None = None, max_mask_pixels: int | None = None
    ) -> Iterator[Detections]:
        """Yield the detections in each photo, in order; see `Predictor.predict_each`.

        The photos of a batch are in memory together.
        """
        size, coming = batch_size or self.batch_size, iter(images)
        while photos := list(islice(coming, size)):
            sets = []
            for member in self.members:
                for view in ("", *self.views):
                    sets.append(look(member, view, photos, size, max_mask_pixels))
            for found in zip(*sets, strict=True):
                yield replace(fuse(found, self.max_detections), operating_point=None)


View = Callable[[np.ndarray], tuple[np.ndarray, Callable[[Detections], Detections]]]
"""Changes a photo, uint8 (H, W, 3), and returns it with a function that maps detections in it to the original."""


def look(
    member: Predictor,
    view: str,
    photos: Sequence[np.ndarray],
    batch_size: int | None = None,
    max_mask_pixels: int | None = None,
) -> Iterator[Detections]:
    """Yield the detections of a network in a view of each photo, mapped to the photo.

    Args:
        member: the network.
        view: a name in `VIEWS`, or "" for the photo itself.
        photos: as in `Predictor.predict`.
        batch_size: as in `Predictor.predict`.
        max_mask_pixels: as in `Predictor.predict`.
    """
    seen = [VIEWS[view](photo) if view else _unchanged(photo) for photo in photos]
    found = member.predict_each((photo for photo, _ in seen), batch_size, max_mask_pixels)
    return (back(each) for (_, back), each in zip(seen, found, strict=True))


def _unchanged(photo: np.ndarray) -> tuple[np.ndarray, Callable[[Detections], Detections]]:
    return photo, lambda found: found


def _mirrored(photo: np.ndarray) -> tuple[np.ndarray, Callable[[Detections], Detections]]:
    width = photo.shape[1]

    def back(found: Detections) -> Detections:
        y1, x1, y2, x2 = found.boxes.T
        boxes = np.stack([y1, width - x2, y2, width - x1], axis=1)
        return replace(found, boxes=boxes, masks=found.masks[:, :, ::-1])

    return np.ascontiguousarray(photo[:, ::-1]), back


def _smaller(photo: np.ndarray) -> tuple[np.ndarray, Callable[[Detections], Detections]]:
    """Put a photo into the middle of a black frame, which makes it smaller when the network scales it."""
    height, width = photo.shape[:2]
    margin = round((FRAME - 1) * max(height, width) / 2)

    def back(found: Detections) -> Detections:
        boxes = np.clip(found.boxes - np.float32(margin), 0, np.array([height, width, height, width], np.float32))
        masks = found.masks[:, margin : margin + height, margin : margin + width]
        return replace(found, boxes=boxes.astype(np.float32), masks=masks).where(np.any(masks, axis=(1, 2)))

    return np.pad(photo, ((margin, margin), (margin, margin), (0, 0))), back


VIEWS: dict[str, View] = {"mirrored": _mirrored, "smaller": _smaller}
"""The views of a photo by name."""
