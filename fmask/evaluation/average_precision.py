"""COCO average precision of boxes and masks (Lin et al. 2014, https://cocodataset.org/#detection-eval).

On a COCO file, the numbers are those of COCO's own tools: masks, boxes, crowds and the order of photos are theirs. On a
VIA file, masks are rasterised as in the reference, boxes are those of the masks, and regions marked "ignore" are crowds
of every class: a detection that lies mostly inside one counts neither as a hit nor as a false positive. An object that
is annotated as a parent of a hierarchy is a crowd of its leaves. An object that has a box and no outline is matched by
boxes, in the scores of masks too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from fmask.data.formats.coco import results_of
from fmask.evaluation.matches import BOX_ONLY, PhotoMatches, photo_matches
from fmask.evaluation.region_ious import with_boxes
from fmask.structures.annotations import CocoObject, Photo, Region
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, bounding_box

_IOU_TYPES = {"box": "bbox", "mask": "segm"}


@dataclass(frozen=True)
class AveragePrecision:
    """COCO's scores over a set of photos, from up to 100 detections of a class in a photo, of any confidence."""

    metrics: dict[str, float]
    """`box_ap`, `mask_ap` (mean over IoU 0.50:0.05:0.95), `..._ap50`, `..._ap75`, each also for one class
    (`mask_ap50_hat` for the class hat); in [0, 1], or NaN if the photos have no such object."""
    recall: np.ndarray
    """(101,) recall levels 0, 0.01, ..., 1 at which precision is evaluated."""
    precision: dict[str, np.ndarray]
    """Class name to (101,) interpolated precision of its masks at IoU 0.5; without classes that have no objects."""
    classes: tuple[str, ...]
    """All class names, in the order of their ids."""
    matches: dict[str, PhotoMatches]
    """The matches of masks in each photo, by the photo's name."""


def average_precision(photos: Sequence[Photo], detections: Iterable[EncodedDetections]) -> AveragePrecision:
    """Compute average precision over all detections, of any confidence.

    Args:
        photos: annotated photos.
        detections: the detections in each photo; `detections[i]` belongs to `photos[i]`.

    Raises:
        ValueError: the numbers of photos and detections differ.
    """
    collected = Collected()
    for photo, found in zip(photos, detections, strict=True):
        collected.add(photo, photo.run_lengths(), found)
    return collected.average_precision()


class Collected:
    """Annotations and detections of photos that are added one by one, in COCO's format, with masks as run lengths."""

    def __init__(self) -> None:
        self._photos: list[Photo] = []
        self._annotations: list[list[dict]] = []
        self._results: list[EncodedDetections] = []
        self._matches: dict[str, PhotoMatches] = {}
        self._classes: tuple[str, ...] = ()

    def add(self, photo: Photo, masks: Sequence[RunLengths], found: EncodedDetections) -> None:
        """Add a photo, the result of its `run_lengths`, and the detections in it."""
        self._classes = found.classes
        entries = [
            each
            for region, mask in zip(photo.regions, masks, strict=True)
            for each in _entries(region, mask, found.classes)
        ]
        self._matches[photo.name] = photo_matches(entries, found, found.classes)
        self._photos.append(photo)
        self._annotations.append(entries)
        self._results.append(found)

    def average_precision(self) -> AveragePrecision:
        """Compute average precision over the photos added so far."""
        ids = image_ids(self._photos)
        classes = self._classes
        annotated = COCO(self._ground_truth(ids))
        results = [
            result
            for image_id, found in zip(ids, self._results, strict=True)
            for result in results_of(found, image_id, found.class_ids.tolist())
        ]
        precisions = {name: _precisions(annotated, results, iou_type) for name, iou_type in _IOU_TYPES.items()}
        metrics: dict[str, float] = {}
        for name, precision in precisions.items():
            metrics |= _summary(name, precision, suffix="")
            for k, class_name in enumerate(classes):
                metrics |= _summary(name, precision[..., k : k + 1], suffix=f"_{class_name}")
        at_half = precisions["mask"][0]
        curves = {name: at_half[:, k] for k, name in enumerate(classes) if not np.isnan(at_half[:, k]).any()}
        return AveragePrecision(metrics, np.linspace(0, 1, len(at_half)), curves, classes, self._matches)

    def _ground_truth(self, ids: Sequence[int]) -> dict:
        annotations = [
            {"image_id": image_id, **entry}
            for image_id, entries in zip(ids, self._annotations, strict=True)
            for entry in entries
        ]
        return {
            "images": [
                {"id": i, "height": photo.height, "width": photo.width}
                for i, photo in zip(ids, self._photos, strict=True)
            ],
            "categories": [{"id": k, "name": name} for k, name in enumerate(self._classes, start=1)],
            # COCO uses id 0 for "unmatched".
            "annotations": [{"id": i, **annotation} for i, annotation in enumerate(annotations, start=1)],
        }


def _precisions(annotated: COCO, results: list[dict], iou_type: str) -> np.ndarray:
    """Return precision (10, 101, K) by IoU 0.50:0.05:0.95, recall 0:0.01:1 and class; NaN without objects."""
    detected = annotated.loadRes([dict(result) for result in results])  # loadRes modifies its argument
    evaluation = _Evaluation(annotated, detected, iou_type, print_function=lambda *_: None)
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # objects of any area, 100 detections per photo
    return np.where(precision < 0, np.nan, precision)


class _Evaluation(COCOeval_faster):
    """COCO's evaluation, with the IoU of boxes for objects of which only the box is annotated."""

    def computeIoU(self, imgId: int, catId: int) -> Any:  # noqa: N802, N803 - the library's names
        ious = super().computeIoU(imgId, catId)
        objects, detected = (
            each.get_instances([imgId], [catId], True)[0][0] for each in (self.gt_dataset, self.dt_dataset)
        )
        if self.params.iouType != "segm" or not any(each.get(BOX_ONLY) for each in objects) or not detected:
            return ious
        order = np.argsort([-each["score"] for each in detected], kind="mergesort")[: self.params.maxDets[-1]]
        boxes = np.array([detected[index]["bbox"] for index in order], dtype=float)
        return with_boxes(ious, boxes, [each["bbox"] if each.get(BOX_ONLY) else None for each in objects])


def _summary(name: str, precision: np.ndarray, suffix: str) -> dict[str, float]:
    levels = {"ap": precision, "ap50": precision[0], "ap75": precision[5]}
    return {
        f"{name}_{level}{suffix}": float("nan") if np.isnan(values).all() else float(np.nanmean(values))
        for level, values in levels.items()
    }


def image_ids(photos: Sequence[Photo]) -> list[int]:
    """Number the photos from 1 in the order of their ids in a COCO file, or else in the given order.

    Among detections of equal score, COCO's tools put those of the photo with the smaller id first.
    """
    ids = [photo.image_id for photo in photos]
    if not (all(isinstance(each, int) for each in ids) or all(isinstance(each, str) for each in ids)):
        return list(range(1, len(photos) + 1))
    ranks = np.empty(len(ids), dtype=int)
    ranks[sorted(range(len(ids)), key=lambda index: ids[index])] = np.arange(1, len(ids) + 1)  # type: ignore
    return ranks.tolist()


def _entries(region: Region, mask: RunLengths, classes: tuple[str, ...]) -> list[dict]:
    """Return a region as COCO annotations, without ids: one, or a crowd for each class that ignores it."""
    coco = region.coco or CocoObject(mask, bounding_box(mask), float(area(mask)))
    labels = (region.crowd_of or classes) if region.ignore else [region.label]
    return [
        {
            "category_id": 1 + classes.index(str(label)),
            "segmentation": mask,
            "bbox": list(coco.bbox),
            "area": coco.area,
            "iscrowd": int(region.ignore),
            **({BOX_ONLY: True} if region.box_only and not region.ignore else {}),
        }
        for label in labels
    ]
