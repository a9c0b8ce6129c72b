"""Annotations and detections of leaves, relabelled with the parents of a hierarchy of classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from fmask.structures.annotations import Photo, Region, Split
from fmask.structures.detections import EncodedDetections
from fmask.structures.hierarchy import Hierarchy, parent_classes, parent_ids, parent_of


def split_at_parents(split: Split) -> Split:
    """Return a split whose objects are relabelled with the parents of its hierarchy, as if it were annotated so."""
    classes = parent_classes(split.classes, split.hierarchy)
    photos = tuple(photo_at_parents(photo, classes, split.hierarchy) for photo in split.photos)
    return replace(split, classes=classes, photos=photos, hierarchy={})


def photo_at_parents(photo: Photo, classes: tuple[str, ...], hierarchy: Hierarchy) -> Photo:
    """Return a photo whose regions are relabelled with their parents.

    Args:
        photo: the photo.
        classes: the result of `parent_classes`.
        hierarchy: the parents and their leaves.
    """
    return replace(photo, regions=tuple(_region_at_parents(region, classes, hierarchy) for region in photo.regions))


def detections_at_parents(found: EncodedDetections, hierarchy: Hierarchy, nms: float) -> EncodedDetections:
    """Return detections relabelled with their parents, without duplicates.

    Detections of one object as two leaves become two detections of one parent. Of detections of the same parent and of
    different leaves whose boxes have an IoU above `nms`, only the one with the highest score is kept. Detections of one
    leaf have been suppressed by the network already.

    Args:
        found: the detections in a photo.
        hierarchy: the parents and their leaves.
        nms: the threshold of the network's own suppression, `detection.nms`.
    """
    relabelled = parent_ids(found.classes, hierarchy)[found.class_ids]
    kept = np.zeros(len(found), dtype=bool)
    for n in range(len(found)):
        rivals = kept & (relabelled == relabelled[n]) & (found.class_ids != found.class_ids[n])
        kept[n] = not (_ious(found.boxes[n], found.boxes[rivals]) > nms).any()
    return EncodedDetections(
        found.boxes[kept],
        relabelled[kept],
        found.scores[kept],
        tuple(mask for mask, keep in zip(found.masks, kept, strict=True) if keep),
        found.height,
        found.width,
        parent_classes(found.classes, hierarchy),
    )


def all_at_parents(found: Sequence[EncodedDetections], hierarchy: Hierarchy, nms: float) -> list[EncodedDetections]:
    """Return the detections in each photo at the parents; see `detections_at_parents`."""
    return [detections_at_parents(each, hierarchy, nms) for each in found]


def _region_at_parents(region: Region, classes: tuple[str, ...], hierarchy: Hierarchy) -> Region:
    label = None if region.label is None else parent_of(region.label, hierarchy)
    ignore, coco = region.ignore and not region.parent, region.coco
    if coco and coco.crowd_of:
        crowd_of = dict.fromkeys(parent_of(leaf, hierarchy) for leaf in coco.crowd_of)
        coco = replace(coco, crowd_of=tuple(crowd_of) if ignore else ())
    return replace(region, label=label, ignore=ignore, classes=classes, coco=coco, parent=None)


def _ious(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the IoU (N,) of a box (4,) with boxes (N, 4); 0 for empty boxes."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    areas = [np.maximum(each[..., 2:] - each[..., :2], 0).prod(axis=-1) for each in (box, boxes)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
