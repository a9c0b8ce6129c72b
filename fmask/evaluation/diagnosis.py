"""AP50 of masks lost by cause, after TIDE (Bolya, Foley, Hays & Hoffman 2020, "TIDE: A General Toolbox for Identifying
Object Detection Errors", ECCV).

Detections are matched with objects as for AP50: by COCO's rule, at a mask IoU of 0.5, with up to 100 detections of a
class in a photo, of any confidence. A detection that is neither matched nor on an ignored region has one cause, the
first of these that applies (section 2.2 of the paper). IoU means the largest mask IoU with objects of that kind:

1. *localisation*: IoU with objects of its class from 0.1 to 0.5;
2. *classification*: IoU with objects of other classes of at least 0.5;
3. *duplicate*: IoU with objects of its class above 0.5, all matched by detections of higher score;
4. *background*: IoU with all objects of at most 0.1;
5. *both*: all others, whose IoU with objects of other classes is between 0.1 and 0.5.

An object is *missed* if no detection matches it, and no localisation or classification error is about it, that is, has
its largest IoU with it. AP50 lost by a cause is AP50 with its errors fixed, minus AP50 (section 2.3):

- localisation and classification: the detection becomes a match of the object, with the class of the object. If the
  object is matched, or another of its errors of these two causes has a higher score, the detection is removed instead;
- both, duplicate, background: the detection is removed;
- missed: the object no longer counts, which stretches the curve of precision over recall. A class whose objects are all
  missed has no curve; its AP50 becomes 1, where the authors' program leaves it at 0.

The losses do not add up to 1 - AP50: each is measured with all other errors in place. Negative differences, which the
101 recall levels of AP can cause, count as 0. The authors' program differs from COCO's tools in two points of AP50, in
which this module follows the latter: classes without objects do not count, and detections of equal score keep the order
of the photos.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from fmask.evaluation.average_precision import image_ids
from fmask.evaluation.matches import MAX_DETECTIONS, match
from fmask.evaluation.region_ious import region_ious
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.structures.run_length import area, mask_ious

MATCHED_IOU = 0.5
"""Smallest mask IoU of a match."""
BACKGROUND_IOU = 0.1
"""Largest mask IoU at which a detection lies on the background."""
SIZES = {"small": (0.0, 32.0), "medium": (32.0, 96.0), "large": (96.0, np.inf)}
"""Sizes of objects: the lower end, included, and the upper end of the square root of the area of the mask, in pixels at
the network's input. The ends are COCO's."""
_RECALLS = np.linspace(0, 1, 101)


class Cause(StrEnum):
    """The cause of an error."""

    CLASSIFICATION = "classification"
    LOCALISATION = "localisation"
    BOTH = "both"
    DUPLICATE = "duplicate"
    BACKGROUND = "background"
    MISSED = "missed"


Lost = dict[Cause, float]
"""AP50 lost by each cause, in [0, 1]."""


@dataclass(frozen=True)
class _Detection:
    """A detection that counts for AP50."""

    class_id: int
    score: float
    cause: Cause | None
    """None for a match."""
    target: int
    """Index of the object that the match or the error is about; -1 for the causes both and background."""
    size: float
    """Of this object, or else of the detection: the square root of the area, as a share of the photo's longer side."""


@dataclass
class _Object:
    """An annotated object."""

    class_id: int
    size: float
    """As in `_Detection`."""
    matched: bool = False
    best: int = -1
    """Index of the localisation or classification error with the highest score that is about it; -1 for none."""


@dataclass(frozen=True)
class Diagnosis:
    """The errors of detections in a set of photos; `diagnose` makes it."""

    classes: tuple[str, ...]
    """The K class names, in the order of their ids."""
    _detections: tuple[_Detection, ...]
    _objects: tuple[_Object, ...]

    @property
    def ap50(self) -> float:
        """AP50 of the masks, the metric `mask_ap50`: the mean over the classes with objects; NaN without objects."""
        return _mean(self._fixed(None))

    def ap50_by_class(self) -> dict[str, float]:
        """Return AP50 of each class with objects."""
        return self._named(self._fixed(None))

    def errors(self) -> dict[Cause, int]:
        """Return the number of errors of each cause: objects for missed, else detections."""
        counts = Counter(each.cause for each in self._detections)
        counts[Cause.MISSED] = sum(map(_is_missed, self._objects))
        return {cause: counts[cause] for cause in Cause}

    def lost(self) -> Lost:
        """Return AP50 lost by each cause; NaN without objects."""
        return {cause: _difference(_mean(self._fixed(cause)), self.ap50) for cause in Cause}

    def lost_by_class(self) -> dict[str, Lost]:
        """Return what each class with objects loses of its own AP50; the mean over the classes is `lost`."""
        before = self.ap50_by_class()
        after = {cause: self._named(self._fixed(cause)) for cause in Cause}
        return {name: {cause: _difference(after[cause][name], ap) for cause in Cause} for name, ap in before.items()}

    def lost_by_size(self, image_size: int) -> dict[str, Lost]:
        """Return the AP50, over all objects, lost to errors about objects of each size of `SIZES`.

        The size is that of the object that the error is about, and for the causes both and background that of the
        detection.

        Args:
            image_size: side in pixels of the network's square input, to which a photo's longer side is scaled.
        """
        before = self.ap50
        return {
            name: {
                cause: _difference(_mean(self._fixed(cause, low / image_size, high / image_size)), before)
                for cause in Cause
            }
            for name, (low, high) in SIZES.items()
        }

    def _fixed(self, cause: Cause | None, low: float = 0.0, high: float = np.inf) -> np.ndarray:
        """Return AP50 (K,) with errors of a cause fixed, those of a size from `low` to `high`; NaN without objects."""
        scores: list[list[float]] = [[] for _ in self.classes]
        hits: list[list[bool]] = [[] for _ in self.classes]
        for index, each in enumerate(self._detections):
            class_id, hit = each.class_id, each.cause is None
            if not hit and each.cause is cause and low <= each.size < high:
                target = self._objects[each.target] if each.target >= 0 else None
                if target is None or target.matched or target.best != index:
                    continue  # removed
                class_id, hit = target.class_id, True
            scores[class_id - 1].append(each.score)
            hits[class_id - 1].append(hit)
        objects = Counter(each.class_id for each in self._objects)
        missed = Counter(
            each.class_id
            for each in self._objects
            if cause is Cause.MISSED and _is_missed(each) and low <= each.size < high
        )
        return np.array(
            [
                _average_precision(np.array(scores[k - 1]), np.array(hits[k - 1], dtype=bool), objects[k] - missed[k])
                if objects[k]
                else np.nan
                for k in range(1, 1 + len(self.classes))
            ]
        )

    def _named(self, values: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.classes, values, strict=True) if not np.isnan(value)}


def diagnose(photos: Sequence[Photo], detections: Iterable[EncodedDetections]) -> Diagnosis:
    """Determine the cause of each error.

    Args:
        photos: annotated photos.
        detections: the detections in each photo, of any confidence, best score first; `detections[i]` belongs to
            `photos[i]`.

    Raises:
        ValueError: the numbers of photos and detections differ.
    """
    pairs = list(zip(photos, detections, strict=True))
    listed: list[_Detection] = []
    objects: list[_Object] = []
    for place in np.argsort(image_ids(photos)) if pairs else ():
        photo, found = pairs[place]
        _add(photo, found, listed, objects)
    return Diagnosis(pairs[0][1].classes if pairs else (), tuple(listed), tuple(objects))


def _add(photo: Photo, found: EncodedDetections, listed: list[_Detection], objects: list[_Object]) -> None:
    """Append the detections and the objects of a photo."""
    side, first = max(photo.width, photo.height), len(objects)
    pairs = list(zip(photo.regions, photo.run_lengths(), strict=True))
    masks = [mask for region, mask in pairs if not region.ignore]
    own = [_Object(region.class_id, area(mask) ** 0.5 / side) for region, mask in pairs if not region.ignore]
    objects += own
    ious = region_ious(found, [region for region, _ in pairs if not region.ignore], masks)
    same = np.array([each.class_id for each in own], dtype=int) == found.class_ids[:, None]
    counted = _first_of_class(found.class_ids)
    matches = np.array(match(np.where(same & counted[:, None], ious, -1.0), [False] * len(own), MATCHED_IOU), dtype=int)
    for target in matches[matches >= 0]:
        own[target].matched = True
    ignored = _on_ignored(photo, found) & (matches < 0)
    for n in np.flatnonzero(counted & ~ignored):
        cause, target = _cause(int(matches[n]), ious[n], same[n])
        size = own[target].size if target >= 0 else area(found.masks[n]) ** 0.5 / side
        if cause in (Cause.LOCALISATION, Cause.CLASSIFICATION) and own[target].best < 0:
            own[target].best = len(listed)
        target = first + target if target >= 0 else -1
        listed.append(_Detection(int(found.class_ids[n]), float(found.scores[n]), cause, target, size))


def _cause(matched: int, ious: np.ndarray, same: np.ndarray) -> tuple[Cause | None, int]:
    """Return the cause of a detection and the object, or -1, that it is about.

    Args:
        matched: the object that it matches, or -1.
        ious: (G,), its IoU with each object.
        same: (G,) bool, whether the objects are of its class.
    """
    if matched >= 0:
        return None, matched
    of_class, of_others = np.where(same, ious, -1.0), np.where(same, -1.0, ious)
    within, other = of_class.max(initial=0), of_others.max(initial=0)
    if BACKGROUND_IOU <= within <= MATCHED_IOU:
        return Cause.LOCALISATION, int(of_class.argmax())
    if other >= MATCHED_IOU:
        return Cause.CLASSIFICATION, int(of_others.argmax())
    if within > MATCHED_IOU:
        return Cause.DUPLICATE, int(of_class.argmax())
    return (Cause.BACKGROUND if other <= BACKGROUND_IOU else Cause.BOTH), -1


def _on_ignored(photo: Photo, found: EncodedDetections) -> np.ndarray:
    """Return which detections (N,) have at least half of their mask on a region that their class ignores."""
    pairs = [pair for pair in zip(photo.regions, photo.run_lengths(), strict=True) if pair[0].ignore]
    shares = mask_ious(found.masks, [mask for _, mask in pairs], of_detection=True)
    crowds = [region.crowd_of or found.classes for region, _ in pairs]
    ignores = [[found.classes[k - 1] in crowd for crowd in crowds] for k in found.class_ids]
    return ((shares >= MATCHED_IOU) & np.array(ignores, dtype=bool).reshape(shares.shape)).any(axis=1)


def _first_of_class(class_ids: np.ndarray) -> np.ndarray:
    """Return which detections (N,) are among the first `MAX_DETECTIONS` of their class."""
    seen: Counter[int] = Counter()
    first = np.zeros(len(class_ids), dtype=bool)
    for n, class_id in enumerate(class_ids.tolist()):
        first[n] = seen[class_id] < MAX_DETECTIONS
        seen[class_id] += 1
    return first


def _average_precision(scores: np.ndarray, hits: np.ndarray, objects: int) -> float:
    """Return COCO's average precision of detections (N,), of which `hits` are matches; 1 if no objects count."""
    if objects == 0:
        return 1.0
    if not len(scores):
        return 0.0
    hits = hits[np.argsort(-scores, kind="stable")]
    found = np.cumsum(hits)
    precision = np.maximum.accumulate((found / np.arange(1, 1 + len(hits)))[::-1])[::-1]
    return float(np.append(precision, 0)[np.searchsorted(found / objects, _RECALLS)].mean())


def _is_missed(each: _Object) -> bool:
    return not each.matched and each.best < 0


def _mean(values: np.ndarray) -> float:
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))


def _difference(after: float, before: float) -> float:
    return float("nan") if np.isnan(after) else max(0.0, after - before)
