"""COCO's compressed run-length encoding of masks."""

from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Encode a mask, bool (H, W), as compressed run lengths that JSON can store.

    Returns:
        `size`, the list [H, W], and `counts`, the run lengths as ASCII text.
    """
    code = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode("ascii")}
