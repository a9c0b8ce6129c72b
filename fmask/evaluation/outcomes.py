"""The counting rule of the published study: which annotated objects are found, found wrongly or missed.

Every annotated object counts once. A detection *claims* the object that covers the largest part of the detection's
mask, if this part is at least half of the mask. A detection that claims no object is *spurious*. An object is

- *found* if exactly one detection claims it, with the right class and a mask IoU of at least 0.5,
- *found wrongly* if it is claimed in any other way: more than once, with the wrong class, or with too small an IoU,
- *missed* if no detection claims it.

Regions marked "ignore" are not objects. A detection that claims no object and has at least half of its mask on ignored
regions is dropped. An object of which only the box is annotated is compared with the boxes of detections instead of
their masks. In the study's 2 x 2 table, found objects are the true positives, objects found wrongly the false
positives, and missed objects the false negatives; true negatives are not defined.

Shapes: N detections and G annotated regions in a photo of H x W pixels, K classes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from fmask.evaluation.region_ious import region_ious
from fmask.structures.annotations import Photo
from fmask.structures.classes import BACKGROUND as BACKGROUND_NAME
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import RunLengths, area, shared_area, unite

BACKGROUND = 0
MIN_IOU = 0.5
"""Smallest mask IoU at which a single claim with the right class finds the object."""
MIN_SHARE = 0.5
"""Smallest share of a detection's mask that must lie on an object to claim it, or on ignored regions to be dropped."""


class Outcome(StrEnum):
    """The outcome of an annotated object."""

    FOUND = "found"
    FOUND_WRONGLY = "found wrongly"
    MISSED = "missed"


@dataclass(frozen=True)
class ObjectRecord:
    """One annotated object and the detections that claim it."""

    photo: str
    region: int
    """Index of the region in the photo's annotations, from 0."""
    class_id: int
    outcome: Outcome
    claims: tuple[int, ...]
    """Indices of the claiming detections in the photo's `Detections`, best first: by mask IoU, then by score."""
    claimed_class_ids: tuple[int, ...]
    """Classes of the claiming detections, in the same order."""
    iou: float
    """Mask IoU of the best claim, in [0, 1]; 0 without claims."""


@dataclass(frozen=True)
class SpuriousRecord:
    """A detection that claims no object and is not dropped for lying on ignored regions."""

    photo: str
    detection: int
    """Index in the photo's `Detections`."""
    class_id: int
    score: float


@dataclass(frozen=True)
class Rate:
    """A proportion with its 95 % Wilson score interval (Wilson 1927); all three are NaN without trials."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, successes: int, trials: int) -> "Rate":
        """Return the rate of `successes` among `trials`; both are counts of at least 0."""
        if trials == 0:
            return cls(float("nan"), float("nan"), float("nan"))
        from scipy.stats import binomtest  # importing it takes half a second, which `fmask table` does not need

        interval = binomtest(successes, trials).proportion_ci(confidence_level=0.95, method="wilson")
        return cls(successes / trials, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Outcomes:
    """The outcome of each annotated object in a set of photos, and the spurious detections."""

    objects: tuple[ObjectRecord, ...]
    spurious: tuple[SpuriousRecord, ...]
    classes: tuple[str, ...]
    """The K class names, in the order of their ids."""

    def count(self, outcome: Outcome) -> int:
        """Return the number of objects with this outcome."""
        return Counter(record.outcome for record in self.objects)[outcome]

    @property
    def accuracy(self) -> Rate:
        """The share of found objects among all annotated objects."""
        return Rate.of(self.count(Outcome.FOUND), len(self.objects))

    @property
    def precision(self) -> Rate:
        """The study's precision, the share of found objects among the claimed ones: spurious detections are ignored."""
        found = self.count(Outcome.FOUND)
        return Rate.of(found, found + self.count(Outcome.FOUND_WRONGLY))

    @property
    def precision_all(self) -> Rate:
        """The share of right detections among all: a found object has one, spurious ones and other claims are wrong."""
        return Rate.of(
            self.count(Outcome.FOUND), sum(len(record.claims) for record in self.objects) + len(self.spurious)
        )

    @property
    def recall(self) -> Rate:
        """The share of found objects among those found or missed, without those found wrongly: TP / (TP + FN)."""
        found = self.count(Outcome.FOUND)
        return Rate.of(found, found + self.count(Outcome.MISSED))

    def table(self) -> np.ndarray:
        """Return the study's 2 x 2 table [[TP, FN], [FP, TN]], int64: rows actual, columns predicted."""
        found, wrong, missed = (self.count(outcome) for outcome in Outcome)
        return np.array([[found, missed], [wrong, 0]])

    def class_matrix(self) -> np.ndarray:
        """Return the confusion matrix (1 + K, 1 + K), int64: rows annotated, columns detected, background first.

        An object is counted in the column of its best claim, however small the IoU, or in the background column if it
        was missed. Further claims are counted in the background row, like spurious detections.
        """
        from sklearn.metrics import confusion_matrix  # importing it takes a second

        annotated, detected = [], []
        for record in self.objects:
            best, *further = record.claimed_class_ids or (BACKGROUND,)
            annotated += [record.class_id] + [BACKGROUND] * len(further)
            detected += [best, *further]
        annotated += [BACKGROUND] * len(self.spurious)
        detected += [record.class_id for record in self.spurious]
        size = 1 + len(self.classes)
        if not annotated:  # scikit-learn rejects empty input
            return np.zeros((size, size), dtype=np.int64)
        return confusion_matrix(annotated, detected, labels=range(size))

    def to_json(self) -> dict[str, Any]:
        """Return both tables and all records as JSON-serializable values."""
        return {
            "table": {"rows": "actual", "columns": "predicted", "counts": self.table().tolist()},
            "class_matrix": {
                "rows": "annotated",
                "columns": "detected",
                "labels": [BACKGROUND_NAME, *self.classes],
                "counts": self.class_matrix().tolist(),
            },
            "objects": [asdict(record) for record in self.objects],
            "spurious": [asdict(record) for record in self.spurious],
        }


@dataclass(frozen=True)
class Overlaps:
    """How the masks of N detections in a photo overlap with its regions, of which G are objects."""

    shares: np.ndarray
    """(N, G) in [0, 1]: the share of each detection's mask on each object; 0 for an empty mask."""
    ious: np.ndarray
    """(N, G) in [0, 1]: their IoU; 0 for two empty masks."""
    on_ignored: np.ndarray
    """(N,) in [0, 1]: the share of each detection's mask on regions to ignore."""


def count_outcomes(photos: Sequence[Photo], detections: Iterable[EncodedDetections]) -> Outcomes:
    """Determine the outcome of each annotated object, and the spurious detections.

    Args:
        photos: annotated photos.
        detections: the detections that count, those of sufficient confidence; `detections[i]` belongs to `photos[i]`
            and has masks of the photo's (height, width).

    Raises:
        ValueError: the numbers of photos and detections, or the sizes of photo and masks, differ.
    """
    counted = [
        photo_outcomes(photo, found, overlaps(photo, photo.run_lengths(), found))
        for photo, found in zip(photos, detections, strict=True)
    ]
    return combine(counted)


def combine(outcomes: Iterable[Outcomes]) -> Outcomes:
    """Return the outcomes of several photos as one."""
    outcomes = list(outcomes)
    objects = tuple(record for each in outcomes for record in each.objects)
    spurious = tuple(record for each in outcomes for record in each.spurious)
    return Outcomes(objects, spurious, outcomes[0].classes if outcomes else ())


def overlaps(photo: Photo, masks: Sequence[RunLengths], found: EncodedDetections) -> Overlaps:
    """Measure how detections overlap with a photo's regions.

    Args:
        photo: the photo.
        masks: the result of its `run_lengths`.
        found: the detections.

    Raises:
        ValueError: the sizes of photo and masks differ.
    """
    if (found.height, found.width) != (photo.height, photo.width):
        raise ValueError(
            f"the detections of {photo.name} have masks of {(found.height, found.width)} pixels (height, width), "
            f"the photo has {(photo.height, photo.width)}"
        )
    regions = [region for region in photo.regions if not region.ignore]
    objects = [mask for region, mask in zip(photo.regions, masks, strict=True) if not region.ignore]
    ignored = [mask for region, mask in zip(photo.regions, masks, strict=True) if region.ignore]
    areas = np.array([area(mask) for mask in found.masks], dtype=np.int64)
    on_ignored = np.zeros(len(found))
    if ignored:
        around = unite(ignored)
        on_ignored = np.array([shared_area(mask, around) for mask in found.masks]) / np.maximum(areas, 1)
    shares, ious = (region_ious(found, regions, objects, of_detection) for of_detection in (True, False))
    return Overlaps(shares, ious, on_ignored)


def photo_outcomes(photo: Photo, found: EncodedDetections, measured: Overlaps) -> Outcomes:
    """Determine the outcomes of one photo.

    Args:
        photo: the photo.
        found: the detections that count.
        measured: the overlaps of these detections, and of any that follow them.
    """
    shares, ious = measured.shares[: len(found)], measured.ious[: len(found)]
    on_ignored = measured.on_ignored[: len(found)]
    regions = [region for region in photo.regions if not region.ignore]

    claimed = np.full(len(found), -1)
    if regions:
        best = shares.argmax(axis=1)
        claimed = np.where(shares[np.arange(len(found)), best] >= MIN_SHARE, best, -1)

    objects = []
    for position, region in enumerate(regions):
        claims = sorted(np.flatnonzero(claimed == position), key=lambda n: (-ious[n, position], n))
        classes = tuple(int(found.class_ids[n]) for n in claims)
        iou = float(ious[claims[0], position]) if claims else 0.0
        outcome = _outcome(region.class_id, classes, iou)
        objects.append(
            ObjectRecord(photo.name, region.index, region.class_id, outcome, tuple(map(int, claims)), classes, iou)
        )
    spurious = [
        SpuriousRecord(photo.name, int(n), int(found.class_ids[n]), float(found.scores[n]))
        for n in np.flatnonzero((claimed < 0) & (on_ignored < MIN_SHARE))
    ]
    return Outcomes(tuple(objects), tuple(spurious), found.classes)


def _outcome(class_id: int, claimed_classes: tuple[int, ...], iou: float) -> Outcome:
    if not claimed_classes:
        return Outcome.MISSED
    return Outcome.FOUND if claimed_classes == (class_id,) and iou >= MIN_IOU else Outcome.FOUND_WRONGLY
