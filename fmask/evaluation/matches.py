"""Matches of detections with objects in each photo, as by COCO's tools (Lin et al. 2014), for average precision.

From the matches of each photo, average precision can be computed again for other photos: `fmask.studies` does so for
its intervals. Masks are matched, and boxes for objects of which only the box is annotated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval.core.mask import iou

from fmask.evaluation.region_ious import boxes_of, with_boxes
from fmask.structures.detections import EncodedDetections

BOX_ONLY = "box_only"
"""The key of a COCO annotation that is true for an object of which only the box is annotated."""
IOU_THRESHOLDS = tuple(np.round(np.linspace(0.5, 0.95, 10), 2).tolist())
"""The smallest IoU of a match: 0.50:0.05:0.95."""
MAX_DETECTIONS = 100
"""Most detections of a class in a photo that count."""
MATCHED, WRONG, IGNORED = "1", "0", "-"
"""What a detection is at one IoU: matched with an object; matched with none; matched with a region to ignore."""


@dataclass(frozen=True)
class ClassMatches:
    """The objects and detections of one class in one photo."""

    objects: int
    """Number of objects, without regions to ignore."""
    found: tuple[tuple[float, str], ...]
    """The score of each detection, highest first, and `MATCHED`, `WRONG` or `IGNORED` at each of `IOU_THRESHOLDS`."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON-serializable values; `from_json` reads them."""
        return {"objects": self.objects, "found": [list(each) for each in self.found]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ClassMatches":
        """Return the matches that `to_json` has written.

        Raises:
            ValueError: the values are not those of matches.
        """
        try:
            found = tuple((float(score), str(hits)) for score, hits in value["found"])
            objects = int(value["objects"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"matches must have objects and found, not {value!r}") from error
        if objects < 0 or any(
            len(hits) != len(IOU_THRESHOLDS) or set(hits) - {MATCHED, WRONG, IGNORED} for _, hits in found
        ):
            raise ValueError(f"matches must have {len(IOU_THRESHOLDS)} of 1, 0 and - for each detection, not {value!r}")
        return cls(objects, found)


PhotoMatches = dict[str, ClassMatches]
"""The matches in one photo by class name; classes without objects and detections are left out."""


def to_json(matches: PhotoMatches) -> dict[str, Any]:
    """Return the matches in a photo as JSON-serializable values; `from_json` reads them."""
    return {name: each.to_json() for name, each in matches.items()}


def from_json(value: Any) -> PhotoMatches:
    """Return the matches in a photo that `to_json` has written.

    Raises:
        ValueError: the value is not that of matches.
    """
    try:
        return {str(name): ClassMatches.from_json(each) for name, each in value.items()}
    except AttributeError as error:
        raise ValueError(f"matches must be of classes, not {value!r}") from error


def photo_matches(
    entries: Sequence[Mapping[str, Any]], found: EncodedDetections, classes: Sequence[str]
) -> PhotoMatches:
    """Match the detections in a photo with its objects.

    Args:
        entries: the annotated regions as COCO annotations, with `category_id`, `segmentation`, `bbox` and `iscrowd`;
            `BOX_ONLY` is true for an object of which only the box is annotated.
        found: the detections, highest score first.
        classes: the class names, in the order of their ids.
    """
    matches = {}
    for class_id, name in enumerate(classes, start=1):
        own = [entry for entry in entries if entry["category_id"] == class_id]
        chosen = np.flatnonzero(found.class_ids == class_id)[:MAX_DETECTIONS]
        if own or len(chosen):
            crowd = [bool(entry["iscrowd"]) for entry in own]
            overlap = _overlaps([found.masks[index] for index in chosen], boxes_of(found)[chosen], own)
            kinds = [*(IGNORED if each else MATCHED for each in crowd), WRONG]  # the last one for -1, no region
            matched = np.array([match(overlap, crowd, threshold) for threshold in IOU_THRESHOLDS], dtype=int)
            hits = ["".join(kinds[region] for region in regions) for regions in matched.T]
            scores = [float(str(np.float32(found.scores[index]))) for index in chosen]  # without float32's noise
            matches[name] = ClassMatches(crowd.count(False), tuple(zip(scores, hits, strict=True)))
    return matches


def _overlaps(masks: Sequence[Any], boxes: np.ndarray, entries: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the IoU (D, G) of D detections with G regions; for a crowd, the share of the mask on it."""
    if not masks or not entries:
        return np.zeros((len(masks), len(entries)))
    regions = [entry["segmentation"] for entry in entries]
    ious = np.asarray(iou(list(masks), regions, [int(entry["iscrowd"]) for entry in entries]))
    return with_boxes(ious, boxes, [entry["bbox"] if entry.get(BOX_ONLY) else None for entry in entries])


def match(overlap: np.ndarray, crowd: Sequence[bool], threshold: float) -> list[int]:
    """Match detections with regions by COCO's rule, one after the other.

    A detection matches the free object of the largest IoU, the last one of equals, or else a crowd, which stays free.

    Args:
        overlap: (D, G), IoU of D detections, highest score first, with G regions; negative where they must not match.
        crowd: which of the G regions are crowds.
        threshold: the smallest IoU of a match.

    Returns:
        The index of the region of each detection, or -1.
    """
    order = sorted(range(len(crowd)), key=lambda region: crowd[region])
    taken: set[int] = set()
    matches = []
    for row in overlap:
        best, largest = -1, min(threshold, 1 - 1e-10)
        for region in order:
            if region in taken and not crowd[region]:
                continue
            if best >= 0 and not crowd[best] and crowd[region]:
                break
            if row[region] >= largest:
                best, largest = region, row[region]
        taken.add(best)
        matches.append(best)
    return matches
