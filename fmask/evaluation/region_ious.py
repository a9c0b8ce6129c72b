"""Overlaps of detections with annotated regions: of masks, or of boxes where an object has no outline.

N detections and G regions of one photo.
"""

from collections.abc import Sequence

import numpy as np
from faster_coco_eval.core.mask import iou

from fmask.structures.annotations import Region
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, mask_ious


def region_ious(
    found: EncodedDetections, regions: Sequence[Region], masks: Sequence[RunLengths], of_detection: bool = False
) -> np.ndarray:
    """Return the IoU (N, G), in [0, 1], of detections with regions.

    Args:
        found: the N detections.
        regions: the G regions.
        masks: their masks, each the result of `Region.run_lengths`.
        of_detection: divide the shared area by that of the detection, not by that of both.
    """
    ious = mask_ious(found.masks, masks, of_detection)
    boxes = [region.box(mask) if region.box_only else None for region, mask in zip(regions, masks, strict=True)]
    return with_boxes(ious, boxes_of(found), boxes, of_detection)


def boxes_of(found: EncodedDetections) -> np.ndarray:
    """Return left, top, width and height of the detections, float64 (N, 4), as COCO's tools read them."""
    y1, x1, y2, x2 = found.boxes.astype(np.float64).reshape(-1, 4).T
    return np.stack([x1, y1, x2 - x1, y2 - y1], axis=1)


def with_boxes(
    ious: np.ndarray,
    detected: np.ndarray,
    boxes: Sequence[Sequence[float] | None],
    of_detection: bool = False,
) -> np.ndarray:
    """Return the IoU (N, G) of masks, replaced by that of boxes for objects that have only a box.

    Args:
        ious: IoU (N, G) of masks.
        detected: left, top, width and height of the detections (N, 4).
        boxes: those of the G objects of which only the box is annotated; None for the others.
        of_detection: divide the shared area by that of the detection, not by that of both.
    """
    columns = [column for column, box in enumerate(boxes) if box is not None]
    if columns and len(detected):
        ious = np.array(ious, dtype=float)
        chosen = [list(box) for box in boxes if box is not None]
        ious[:, columns] = iou(detected.tolist(), chosen, [int(of_detection)] * len(columns))
    return ious
