"""Hierarchies of classes: which are refused, and detections at the parents."""

from typing import Any

import numpy as np
import pytest

from fmask.structures.detections import EncodedDetections
from fmask.structures.hierarchy import leaf_ids, parent_classes, parent_ids, read_hierarchy
from fmask.structures.roll_up import detections_at_parents
from fmask.structures.run_length import encode_mask
from fmask.utils.errors import UserError

LEAVES = ("cap", "glove", "surgical", "beanie")
PARENTS = {"mask": ("surgical",), "hat": ("cap", "beanie")}


def test_leaves_are_spelled_like_the_classes() -> None:
    assert read_hierarchy({"mask ": ["Surgical"], "hat": ["CAP", "beanie"]}, LEAVES) == PARENTS
    assert read_hierarchy(None, LEAVES) == read_hierarchy({}, LEAVES) == {}
    assert read_hierarchy({"hat": ["cap"]}, None) == {"hat": ("cap",)}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("hat", "data.hierarchy is hat; it must be parents and lists of their leaves, as in data.hierarchy={hat: ["),
        (["hat"], "it must be parents and lists of their leaves"),
        ({"hat": "cap"}, "it must be parents and lists of their leaves"),
        ({"hat": None}, "it must be parents and lists of their leaves"),
        ({"hat": []}, "data.hierarchy must list 1 to 999 class names, not 0."),
        (
            {"hat": ["cap"], "mask": []},
            "data.hierarchy: mask has no leaves; list at least one class, or leave mask out.",
        ),
        (
            {"hat": ["cap", "beany"]},
            "data.hierarchy: beany, a leaf of hat, is none of the classes cap, glove, surgical, ",
        ),
        ({"hat": ["cap"], "mask": ["Cap"]}, "data.hierarchy lists Cap twice"),
        ({"hat": ["cap"], "cap": ["beanie"]}, "data.hierarchy: cap is a parent and a leaf; a hierarchy has one level."),
        ({"glove": ["cap"]}, "data.hierarchy: glove is a parent, so data.classes must list its leaves cap instead of "),
        ({"background": ["cap"]}, "background is the name of class 0"),
        ({"hat": [3]}, "3 is not a class name"),
    ],
)
def test_mistakes_are_refused(value: Any, message: str) -> None:
    with pytest.raises(UserError) as raised:
        read_hierarchy(value, LEAVES)
    assert message in str(raised.value)


def test_classes_without_a_parent_stay_and_follow_the_parents() -> None:
    assert parent_classes(LEAVES, PARENTS) == ("mask", "hat", "glove")
    assert parent_ids(LEAVES, PARENTS).tolist() == [0, 2, 3, 1, 2]
    assert leaf_ids(LEAVES, PARENTS) == ((3,), (1, 4))


def test_of_one_object_as_two_leaves_only_the_better_detection_is_kept() -> None:
    labels = ["cap", "beanie", "glove", "cap", "surgical", "beanie"]
    boxes = np.array(
        [[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [0, 6, 10, 16]], np.float32
    )
    masks = tuple(encode_mask(np.full((4, 4), n % 2 == 0)) for n in range(6))
    ids = np.array([1 + LEAVES.index(label) for label in labels])
    found = EncodedDetections(boxes, ids, np.linspace(0.9, 0.4, 6, dtype=np.float32), masks, 20, 20, LEAVES)
    above = detections_at_parents(found, PARENTS, nms=0.3)
    # The beanie on the cap is its duplicate, the other beanie overlaps less; equal leaves and other parents stay.
    assert [above.classes[k - 1] for k in above.class_ids] == ["hat", "glove", "hat", "mask", "hat"]
    assert above.scores.tolist() == found.scores[[0, 2, 3, 4, 5]].tolist()
    assert above.boxes.tolist() == boxes[[0, 2, 3, 4, 5]].tolist()
    assert above.masks == tuple(masks[n] for n in (0, 2, 3, 4, 5))
    assert len(detections_at_parents(found, PARENTS, nms=0.2)) == 4
    assert len(detections_at_parents(found.at_least(1), PARENTS, nms=0.2)) == 0
