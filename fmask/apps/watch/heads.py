"""Masks and hats of one frame, grouped into heads.

There is no predictor of people here: a head is known by what it wears. A worn mask sits below a hat within about a
head's size, so a mask and a hat make one head where, with s the longer side of the mask's box, which is about a head's
width,

- the mask's middle is lower than the hat's;
- the hat's lower edge is less than `REACH` s above the mask's upper edge, and less than `OVERLAP` s below it;
- the mask's middle is under the hat, between its left and right edges;
- the hat's longer side is within `SIZES` times s, so that nobody wears what a person farther away or nearer does.

Each mask goes to at most one hat and the other way round. Of all ways to do so one with most heads of both is taken,
and among those the one whose masks are nearest to where they would be expected. What is left is a head with one of the
two. A head with neither cannot be seen.

The bounds hold for all 11 photos of the study with one mask and one hat, and for people drawn by
`fmask.data.synthetic.dataset`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from fmask.apps.watch.boxes import Box, overlap
from fmask.structures.detections import CLASS_NAMES, Detections

REACH = 1.0
OVERLAP = 0.7
SIZES = (0.8, 4.0)
_USUAL_DISTANCE = 1.2
"""From a hat's middle down to its mask's, in s."""
_SAME_PLACE = 0.5
"""Intersection over union of two boxes that can only be one thing."""
_NEVER = 1e6


@dataclass(frozen=True)
class Head:
    """A head that wears at least one of the two."""

    items: frozenset[str]
    """Of `CLASS_NAMES`."""
    box: Box
    """About the head, with what it wears. It is much the same whether one of two items was found or both, so that a
    head is known again in the next frame, and it may reach over the frame's edges."""


def group_heads(found: Detections) -> list[Head]:
    """The heads in a frame: first those with both, then with a hat, then with a mask.

    Where something passes for a mask and for a hat, what the network is surer of counts.
    """
    found = _sure(found)
    masks, hats = (found.boxes[found.class_ids == 1 + CLASS_NAMES.index(name)] for name in ("mask", "hat"))
    cost = np.array([[_cost(mask, hat) for hat in hats] for mask in masks]).reshape(len(masks), len(hats))
    pairs = [(m, h) for m, h in zip(*linear_sum_assignment(cost), strict=True) if cost[m, h] < _NEVER]
    heads = [Head(frozenset({"mask", "hat"}), _around(_below(hats[h]), _above(masks[m]))) for m, h in pairs]
    paired_masks, paired_hats = {m for m, _ in pairs}, {h for _, h in pairs}
    heads += [Head(frozenset({"hat"}), _below(hat)) for h, hat in enumerate(hats) if h not in paired_hats]
    heads += [Head(frozenset({"mask"}), _above(mask)) for m, mask in enumerate(masks) if m not in paired_masks]
    return heads


def _sure(found: Detections) -> Detections:
    """Without those that lie where a better one of the other class does."""
    boxes, class_ids = found.boxes.tolist(), found.class_ids
    kept: list[int] = []
    for n in range(len(found)):
        rivals = [other for other in kept if class_ids[other] != class_ids[n]]
        if all(overlap(boxes[n], boxes[other]).iou < _SAME_PLACE for other in rivals):
            kept.append(n)
    return Detections(found.boxes[kept], found.class_ids[kept], found.scores[kept], found.masks[kept])


def _cost(mask: np.ndarray, hat: np.ndarray) -> float:
    """How far off the mask is from where this hat's would be, in s; `_NEVER` where they cannot be of one head."""
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
    return float(np.hypot(aside, down - _USUAL_DISTANCE * size)) / size if fits else _NEVER


def _above(mask: np.ndarray) -> Box:
    """A head by its mask: as much again and a bit above it."""
    y1, x1, y2, x2 = mask.tolist()
    return (y1 - 1.2 * max(y2 - y1, x2 - x1), x1, y2, x2)


def _below(hat: np.ndarray) -> Box:
    """A head by its hat: the face is below, and not as wide as a brim."""
    y1, x1, y2, x2 = hat.tolist()
    return (y1, x1, y2 + 0.6 * max(y2 - y1, x2 - x1), x2)


def _around(one: Box, other: Box) -> Box:
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))
