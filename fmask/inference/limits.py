"""Notes for the user about photos with more objects than a network can return, the setting `detection.count`."""

from collections.abc import Sequence

from fmask.inference.predictor import Predictor
from fmask.structures.annotations import Split


def crowded(split: Split, limit: int) -> str | None:
    """Return a sentence if photos of a split have more annotated objects than a network can return.

    Args:
        split: annotated photos.
        limit: the setting `detection.count`.
    """
    counts = [sum(region.is_object for region in photo.regions) for photo in split.photos]
    above = [count for count in counts if count > limit]
    if not above:
        return None
    return (
        f"{_photos(len(above), len(counts))} of {split.name} have more than detection.count={limit} objects, up to "
        f"{max(above)}: the network returns at most {limit} in a photo."
    )


def filled(counts: Sequence[int], predictor: Predictor) -> str | None:
    """Return a sentence if a network returned as many detections in photos as it can; others may be cut off.

    Args:
        counts: the number of detections in each photo.
        predictor: the network.
    """
    limit = predictor.max_detections
    full = sum(count >= limit for count in counts) if limit else 0
    if not full:
        return None
    return (
        f"{_photos(full, len(counts))} have detection.count={limit} detections, the most that the network returns: "
        "others may be missing."
    )


def _photos(some: int, count: int) -> str:
    return f"{some} of {count} photo{'' if count == 1 else 's'}"
