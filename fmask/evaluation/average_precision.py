"""COCO average precision of boxes and masks (Lin et al. 2014, https://cocodataset.org/#detection-eval).

Regions marked "ignore" are passed to COCO as crowds of every class: a detection that lies mostly inside one counts
neither as a hit nor as a false positive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from faster_coco_eval.core import mask as rle

from fmask.data.formats.coco import results_of
from fmask.structures.annotations import Photo
from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.structures.run_length import encode_mask

_IOU_TYPES = {"box": "bbox", "mask": "segm"}


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's scores over a set of photos, from up to 100 detections per photo, of any confidence."""

    metrics: dict[str, float]
    """`box_ap`, `mask_ap` (mean over IoU 0.50:0.05:0.95), `..._ap50`, `..._ap75`, each also for one class
    (`mask_ap50_hat`); in [0, 1], or NaN if the photos have no such object."""
    recall: np.ndarray
    """(101,) recall levels 0, 0.01, ..., 1 at which precision is evaluated."""
    precision: dict[str, np.ndarray]
    """Class name to (101,) interpolated precision of its masks at IoU 0.5; without classes that have no objects."""


def average_precision(photos: Sequence[Photo], detections: Iterable[Detections]) -> AveragePrecision:
    """Compute average precision over all detections, of any confidence.

    Args:
        photos: annotated photos.
        detections: the detections in each photo; `detections[i]` belongs to `photos[i]`.

    Raises:
        ValueError: the numbers of photos and detections differ.
    """
    annotated = COCO(_ground_truth(photos))
    results = [
        result
        for image_id, (_, found) in enumerate(zip(photos, detections, strict=True), start=1)
        for result in results_of(found, image_id, found.class_ids.tolist())
    ]
    precisions = {name: _precisions(annotated, results, iou_type) for name, iou_type in _IOU_TYPES.items()}
    metrics: dict[str, float] = {}
    for name, precision in precisions.items():
        metrics |= _summary(name, precision, suffix="")
        for k, class_name in enumerate(CLASS_NAMES):
            metrics |= _summary(name, precision[..., k : k + 1], suffix=f"_{class_name}")
    at_half = precisions["mask"][0]
    curves = {name: at_half[:, k] for k, name in enumerate(CLASS_NAMES) if not np.isnan(at_half[:, k]).any()}
    return AveragePrecision(metrics, np.linspace(0, 1, len(at_half)), curves)


def _precisions(annotated: COCO, results: list[dict], iou_type: str) -> np.ndarray:
    """Return precision (10, 101, K) by IoU 0.50:0.05:0.95, recall 0:0.01:1 and class; NaN without objects."""
    detected = annotated.loadRes([dict(result) for result in results])  # loadRes modifies its argument
    evaluation = COCOeval_faster(annotated, detected, iou_type, print_function=lambda *_: None)
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # objects of any area, 100 detections per photo
    return np.where(precision < 0, np.nan, precision)


def _summary(name: str, precision: np.ndarray, suffix: str) -> dict[str, float]:
    levels = {"ap": precision, "ap50": precision[0], "ap75": precision[5]}
    return {
        f"{name}_{level}{suffix}": float("nan") if np.isnan(values).all() else float(np.nanmean(values))
        for level, values in levels.items()
    }


def _ground_truth(photos: Sequence[Photo]) -> dict:
    every_class = range(1, 1 + len(CLASS_NAMES))
    annotations: list[dict] = []
    for image_id, photo in enumerate(photos, start=1):
        for region, mask in zip(photo.regions, photo.masks(), strict=True):
            code = encode_mask(mask)
            for class_id in every_class if region.ignore else [region.class_id]:
                annotations.append(
                    {
                        "id": len(annotations) + 1,  # COCO uses id 0 for "unmatched"
                        "image_id": image_id,
                        "category_id": class_id,
                        "segmentation": code,
                        "bbox": rle.toBbox(code).tolist(),
                        "area": float(rle.area(code)),
                        "iscrowd": int(region.ignore),
                    }
                )
    return {
        "images": [{"id": i, "height": p.height, "width": p.width} for i, p in enumerate(photos, start=1)],
        "categories": [{"id": k, "name": CLASS_NAMES[k - 1]} for k in every_class],
        "annotations": annotations,
    }
