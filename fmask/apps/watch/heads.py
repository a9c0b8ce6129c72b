"""Group the masks and hats of one frame into heads.

A network may also detect the bare part of heads, as the class head. Otherwise a head is known only by the items it
wears. A worn mask lies below a hat, within about the size of a head. Let s be the longer side of the mask's box, which
is about the width of a head. A mask and a hat belong to one head if

- the centre of the mask is below the centre of the hat;
- the lower edge of the hat is less than `REACH` s above and less than `OVERLAP` s below the upper edge of the mask;
- the centre of the mask lies between the left and right edges of the hat;
- the longer side of the hat is within `SIZES` times s, which excludes hats of people who are farther away or nearer.

Each mask is assigned to at most one hat and each hat to at most one mask. Among all assignments, one with the most
pairs is chosen, and among those the one whose masks are closest to their expected positions. Each remaining mask or hat
is a head with one item. A detected head belongs to the head with items that its box overlaps most, if at least
`OVERLAP_OF_HEAD` of the smaller box is shared; otherwise it is a bare head. Without the class head, a head with neither
item is not detected.

The bounds hold for all 11 photos of the study with one mask and one hat, and for the people drawn by
`fmask.data.synthetic.dataset`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from fmask.apps.watch.boxes import Box, overlap
from fmask.structures.classes import key_of
from fmask.structures.detections import Detections
from fmask.structures.hierarchy import Hierarchy

ITEMS = ("mask", "hat")
"""The items that are grouped into heads."""
HEAD = "head"
"""The class of the bare part of heads, which a network may know."""
OVERLAP_OF_HEAD = 0.5
REACH = 1.0
OVERLAP = 0.7
SIZES = (0.8, 4.0)
_EXPECTED_DISTANCE = 1.2
"""From the centre of a hat down to the centre of its mask, in s."""
_SAME_OBJECT = 0.5
"""Intersection over union from which two boxes are the same object."""
_NEVER = 1e6
"""Cost of a pair that cannot belong to one head."""


@dataclass(frozen=True)
class Head:
    """A head that wears a mask, a hat, both, or neither."""

    items: frozenset[str]
    """The worn items, of `ITEMS`."""
    box: Box
    """Approximate box of the head with its items. It is similar whether one item is detected or both, so that the head
    can be matched in the next frame. It may extend beyond the frame."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The score of each worn item and, under `HEAD`, that of the head itself if it was detected; in [0, 1]."""


def items_of(
    classes: Sequence[str], hierarchy: Hierarchy | None = None, mapped: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Return what each class is, of `ITEMS` or `HEAD`; other classes are left out.

    Args:
        classes: the classes of the network.
        hierarchy: their parents: a leaf of the parent hat is a hat.
        mapped: what each class of another name is, or None to leave it out.
    """
    parents = {key_of(leaf): parent for parent, leaves in (hierarchy or {}).items() for leaf in leaves}
    renamed = {key_of(name): item for name, item in (mapped or {}).items()}
    found = {name: renamed.get(key_of(name), parents.get(key_of(name), name)) for name in classes}
    return {name: key_of(item) for name, item in found.items() if item is not None and key_of(item) in (*ITEMS, HEAD)}


def group_heads(found: Detections, items: Mapping[str, str]) -> list[Head]:
    """Group the detections of a frame into heads.

    If a mask and a hat are detected at the same place, only the detection with the higher score is used.

    Args:
        found: the detections.
        items: the result of `items_of`; detections of other classes are not used.

    Returns:
        First the heads with both items, then those with a hat, those with a mask, and bare heads.
    """
    item_of = np.array(["", *(items.get(name, "") for name in found.classes)])[found.class_ids]
    bare = found.where(item_of == HEAD)
    kept = _without_rivals(found.boxes.tolist(), np.where(item_of == HEAD, "", item_of).tolist())
    is_kept = np.isin(np.arange(len(found)), kept)
    masks, hats = (found.where(is_kept & (item_of == item)) for item in ITEMS)
    return _with_bare_heads(_heads_with_items(masks, hats), bare)


def _heads_with_items(found_masks: Detections, found_hats: Detections) -> list[Head]:
    masks, hats = found_masks.boxes, found_hats.boxes
    mask_scores = [{"mask": score} for score in found_masks.scores.tolist()]
    hat_scores = [{"hat": score} for score in found_hats.scores.tolist()]
    cost = np.array([[_cost(mask, hat) for hat in hats] for mask in masks]).reshape(len(masks), len(hats))
    pairs = [(m, h) for m, h in zip(*linear_sum_assignment(cost), strict=True) if cost[m, h] < _NEVER]
    heads = [
        Head(frozenset({"mask", "hat"}), _around(_below(hats[h]), _above(masks[m])), mask_scores[m] | hat_scores[h])
        for m, h in pairs
    ]
    paired_masks, paired_hats = {m for m, _ in pairs}, {h for _, h in pairs}
    heads += [
        Head(frozenset({"hat"}), _below(hat), hat_scores[h]) for h, hat in enumerate(hats) if h not in paired_hats
    ]
    heads += [
        Head(frozenset({"mask"}), _above(mask), mask_scores[m]) for m, mask in enumerate(masks) if m not in paired_masks
    ]
    return heads


def _with_bare_heads(heads: list[Head], found: Detections) -> list[Head]:
    """Add detected heads, best first: each to the head with items that it overlaps most, or as a bare head."""
    heads, own = list(heads), len(heads)
    for box, score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
        shared = [0.0 if HEAD in head.scores else overlap(box, head.box).of_smaller for head in heads[:own]]
        best = int(np.argmax(shared)) if shared else -1
        if shared and shared[best] >= OVERLAP_OF_HEAD:
            head = heads[best]
            heads[best] = Head(head.items, _around(head.box, tuple(box)), {**head.scores, HEAD: score})
        else:
            heads.append(Head(frozenset(), tuple(box), {HEAD: score}))
    return heads


def _without_rivals(boxes: Sequence[Box], items: Sequence[str]) -> list[int]:
    """Return the indices of the detections of an item, best first, that have no better one of the other at their place.

    Args:
        boxes: of the detections, best first.
        items: what each is; an empty text for none.
    """
    kept: list[int] = []
    for n, item in enumerate(items):
        rivals = [other for other in kept if items[other] != item]
        if item and all(overlap(boxes[n], boxes[other]).iou < _SAME_OBJECT for other in rivals):
            kept.append(n)
    return kept


def _cost(mask: np.ndarray, hat: np.ndarray) -> float:
    """Return the distance of the mask from its expected position below the hat, in s; `_NEVER` if they do not fit."""
    size = float(max(mask[2] - mask[0], mask[3] - mask[1]))
    down = float(mask[0] + mask[2] - hat[0] - hat[2]) / 2
    aside = float(mask[1] + mask[3] - hat[1] - hat[3]) / 2
    gap = float(mask[0] - hat[2])
    fits = (
        down > 0
        and -OVERLAP * size < gap < REACH * size
        and abs(aside) < float(hat[3] - hat[1]) / 2
        and SIZES[0] * size < float(max(hat[2] - hat[0], hat[3] - hat[1])) < SIZES[1] * size
    )
    return float(np.hypot(aside, down - _EXPECTED_DISTANCE * size)) / size if fits else _NEVER


def _above(mask: np.ndarray) -> Box:
    """Estimate the box of a head from its mask: the head extends above it by 1.2 times its longer side."""
    y1, x1, y2, x2 = mask.tolist()
    return (y1 - 1.2 * max(y2 - y1, x2 - x1), x1, y2, x2)


def _below(hat: np.ndarray) -> Box:
    """Estimate the box of a head from its hat: the head extends below it by 0.6 times its longer side.

    The factor is smaller than for a mask because a brim is wider than a face.
    """
    y1, x1, y2, x2 = hat.tolist()
    return (y1, x1, y2 + 0.6 * max(y2 - y1, x2 - x1), x2)


def _around(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))
