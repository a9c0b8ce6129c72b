"""COCO average precision of boxes and masks (Lin et al. 2014, https://cocodataset.org/#detection-eval).

Regions marked "ignore" are COCO crowds of every class: a detection mostly inside one counts neither way.
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
    """COCO's scores over some photos, from up to 100 detections a photo of any score."""

    metrics: dict[str, float]
    """`box_ap`, `mask_ap` (mean over IoU 0.50:0.05:0.95), `..._ap50`, `..._ap75`, each also for one class
    (`mask_ap50_hat`); in [0, 1], and NaN where the photos hold no such object."""
    recall: np.ndarray
    """(101,) the recalls 0, 0.01, ..., 1 at which precision is read."""
    precision: dict[str, np.ndarray]
    """Class name to (101,) interpolated precision of its masks at IoU 0.5; classes without objects are left out."""


def average_precision(photos: Sequence[Photo], detections: Iterable[Detections]) -> AveragePrecision:
    """Score all detections, whatever their confidence; `detections[i]` belongs to `photos[i]`.

    Raises `ValueError` when there are not as many photos as detections.
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
    """(10, 101, K) precision at IoU 0.50:0.05:0.95, recall 0:0.01:1 and class; NaN for a class without objects."""
    detected = annotated.loadRes([dict(result) for result in results])  # loadRes writes into what it is given
    evaluation = COCOeval_faster(annotated, detected, iou_type, print_function=lambda *_: None)
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # objects of any area, 100 detections a photo
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
                        "id": len(annotations) + 1,  # COCO takes id 0 for "unmatched"
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
