"""Annotated photos as plain arrays, for a custom training loop."""

from collections.abc import Sequence

import numpy as np

from fmask.data.batches import Batches
from fmask.data.samples import load_samples
from fmask.structures.annotations import Photo


def to_arrays(photos: Sequence[Photo], image_size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return photos and their annotations in the form that `MaskRCNN.fit` accepts.

    Args:
        photos: at least one annotated photo.
        image_size: S, side in pixels of the square into which each photo is scaled and centred; a multiple of 32.

    Returns:
        Images, float32 (B, S, S, 3), RGB in 0..255, in the order of the photos; and the targets, a dict of `boxes`
        (B, G, 4), `class_ids` (B, G) and `masks` (B, G, 56, 56), as in `fmask.MaskRCNN`.

    Raises:
        UserError: a photo cannot be read.
    """
    samples = load_samples(photos, image_size)
    slots = max(1, *(len(photo.regions) for photo in photos))  # the network needs one, also if no photo has an object
    count = len(samples)
    batches = Batches(
        samples,
        crop_size=image_size,
        image_size=image_size,
        batch_size=count,
        steps=1,
        slots=slots,
        seed=0,
        shuffle=False,
    )
    return batches[0]
