"""Masks and hats are grouped into heads by their positions."""

from dataclasses import replace

import numpy as np
import pytest

from fmask.apps.watch.boxes import Box, overlap
from fmask.apps.watch.heads import Head, group_heads, items_of
from fmask.data.synthetic import dataset
from fmask.data.synthetic.layers import visible
from fmask.data.synthetic.people import draw_person
from fmask.structures.detections import Detections
from tests.helpers.classes import CLASSES

BOTH, MASK, HAT = frozenset({"mask", "hat"}), frozenset({"mask"}), frozenset({"hat"})


def found(*things: tuple[str, Box]) -> Detections:
    """Return detections of these classes and boxes, with falling scores."""
    class_ids = np.array([("mask", "hat").index(name) + 1 for name, _ in things], np.int64)
    boxes = np.array([box for _, box in things], np.float32).reshape(-1, 4)
    scores = np.linspace(0.99, 0.6, len(things), dtype=np.float32)
    return Detections(boxes, class_ids, scores, np.zeros((len(things), 1, 1), bool), CLASSES)


def heads_of(found: Detections) -> list[Head]:
    return group_heads(found, items_of(found.classes))


def items(*things: tuple[str, Box]) -> list[frozenset[str]]:
    return [head.items for head in heads_of(found(*things))]


WORN: Box = (100, 100, 140, 140)  # a mask of 40 px


@pytest.mark.parametrize(
    ("hat", "one_head"),
    [
        ((40, 90, 90, 150), True),  # a usual position
        ((40, 60, 90, 130), True),  # with a brim to one side
        ((60, 85, 110, 155), True),  # low on the forehead
        ((75, 85, 125, 155), True),  # seen from above, covering half of the mask
        ((20, 90, 62, 150), True),  # a high forehead
        ((5, 90, 55, 150), False),  # more than a head's size above
        ((90, 90, 130, 150), False),  # at the place of the mask
        ((150, 90, 200, 150), False),  # below
        ((40, 125, 90, 185), False),  # a neighbour's hat
        ((75, 105, 95, 135), False),  # a hat of a person far away
        ((0, 30, 95, 210), False),  # a hat of a person near by
    ],
)
def test_which_hat_belongs_to_a_mask(hat: Box, one_head: bool) -> None:
    assert items(("mask", WORN), ("hat", hat)) == ([BOTH] if one_head else [HAT, MASK])


def test_the_hat_at_the_expected_position_is_chosen() -> None:
    heads = heads_of(found(("hat", (64, 80, 100, 150)), ("hat", (45, 92, 95, 152)), ("mask", WORN)))
    assert [head.items for head in heads] == [BOTH, HAT]
    assert heads[0].box[1] == 92


def test_two_people_close_together_keep_their_items() -> None:
    left, right = (100, 100, 140, 140), (104, 150, 144, 190)
    things = [("hat", (45, 90, 95, 150)), ("hat", (49, 140, 99, 200)), ("mask", right), ("mask", left)]
    heads = heads_of(found(*things))
    assert [head.items for head in heads] == [BOTH, BOTH]
    assert sorted(head.box[1] for head in heads) == [90, 140]


def test_the_number_of_pairs_is_maximal() -> None:
    """The right mask fits both hats, the left mask only one."""
    things = [("hat", (45, 90, 95, 160)), ("hat", (45, 110, 95, 190)), ("mask", (100, 125, 140, 165))]
    assert items(*things, ("mask", (100, 95, 140, 135))) == [BOTH, BOTH]


def test_the_better_of_two_detections_at_one_place_is_used() -> None:
    assert items(("mask", WORN), ("hat", (102, 99, 142, 143))) == [MASK]
    assert items(("hat", WORN), ("mask", (102, 99, 142, 143))) == [HAT]


def test_no_detections_are_no_heads() -> None:
    assert items() == []


def test_the_box_of_a_head_hardly_depends_on_the_detected_items() -> None:
    both, hat, mask = (
        heads_of(found(*things))[0].box
        for things in (
            [("mask", WORN), ("hat", (40, 90, 90, 150))],
            [("hat", (40, 90, 90, 150))],
            [("mask", WORN)],
        )
    )
    assert overlap(both, hat).of_smaller > 0.8
    assert overlap(both, mask).of_smaller > 0.8
    assert overlap(hat, mask).of_smaller > 0.5


def test_overlap_is_shared_area() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)).iou == 1
    assert overlap((0, 0, 10, 10), (0, 5, 10, 10)).iou == 0.5
    assert overlap((0, 0, 10, 10), (0, 5, 10, 10)).of_smaller == 1
    assert overlap((0, 0, 10, 10), (20, 20, 30, 30)) == overlap((0, 0, 1, 1), (1, 1, 2, 2))


def test_drawn_people_are_separated() -> None:
    correct = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        width, height = 384, 288
        layers, worn = [], []
        for pose in dataset.place_heads(rng, int(rng.integers(1, 4)), width, height):
            mask, hat = ((True, False), (False, True), (True, True))[rng.integers(3)]
            person = draw_person(rng, pose, mask, hat, bottom=height)
            layers += person
            worn.append(
                list(dict.fromkeys(layer.item for layer in person if layer.item and layer.item.label in CLASSES))
            )
        seen = [(item.label, visible(layers, item, width, height).bounds) for person in worn for item in person]
        heads = heads_of(found(*((label, (y1, x1, y2, x2)) for label, (x1, y1, x2, y2) in seen)))
        expected = sorted(sorted(item.label for item in person) for person in worn)
        correct += sorted(sorted(head.items) for head in heads) == expected
    assert correct >= 59


def test_classes_are_items_by_name_by_parent_or_by_a_map() -> None:
    assert items_of(["Hat", "vest", "mask "]) == {"Hat": "hat", "mask ": "mask"}
    assert items_of(["cap", "cloth"], {"hat": ("cap",), "mask": ("cloth",)}) == {"cap": "hat", "cloth": "mask"}
    mapped = items_of(["helmet", "mask", "hat"], None, {"helmet": "hat", "hat": None})
    assert mapped == {"helmet": "hat", "mask": "mask"}
    seen = found(("mask", WORN), ("hat", (40, 90, 95, 150)))
    (head,) = group_heads(replace(seen, classes=("cloth", "cap")), {"cloth": "mask", "cap": "hat"})
    assert head.items == BOTH
    assert group_heads(replace(seen, classes=("cloth", "cap")), {}) == []


def test_a_detected_head_is_bare_or_belongs_to_the_items_at_its_place() -> None:
    classes = ("mask", "hat", "head")

    def grouped(*things: tuple[str, Box]) -> list[tuple[frozenset[str], list[str]]]:
        class_ids = np.array([classes.index(name) + 1 for name, _ in things], np.int64)
        boxes = np.array([box for _, box in things], np.float32).reshape(-1, 4)
        scores = np.linspace(0.99, 0.6, len(things), dtype=np.float32)
        seen = Detections(boxes, class_ids, scores, np.zeros((len(things), 1, 1), bool), classes)
        return [(head.items, sorted(head.scores)) for head in group_heads(seen, items_of(classes))]

    face: Box = (60, 98, 140, 142)
    assert grouped(("head", face)) == [(frozenset(), ["head"])]
    assert grouped(("head", face), ("mask", WORN)) == [(MASK, ["head", "mask"])]
    assert grouped(("head", face), ("hat", (40, 90, 75, 150)), ("mask", WORN)) == [(BOTH, ["hat", "head", "mask"])]
    beside: Box = (60, 200, 140, 244)
    assert grouped(("mask", WORN), ("head", beside), ("head", face)) == [
        (MASK, ["head", "mask"]),
        (frozenset(), ["head"]),
    ]
    assert [each for each, _ in grouped(("head", WORN), ("mask", WORN))] == [MASK], "a head does not hide its mask"
