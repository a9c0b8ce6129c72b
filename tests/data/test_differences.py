"""Differences between two annotations."""

from dataclasses import replace

import numpy as np
import pytest

from fmask.data.differences import Change, compare
from fmask.structures.annotations import Photo
from tests.helpers.scenes import Box, photo

MASK, HAT = ("mask", (20, 10, 40, 30)), ("hat", (0, 40, 20, 70))


def changes(old: Photo, new: Photo) -> list[tuple[Change, int | None, int | None]]:
    """Return the changes with the indices of the regions."""
    return [
        (each.change, each.old.index if each.old else None, each.new.index if each.new else None)
        for each in compare([old], [new])
    ]


def test_equal_annotations_have_no_difference() -> None:
    assert compare([photo(MASK, HAT)], [photo(MASK, HAT)]) == []
    assert changes(photo(MASK, HAT), photo(HAT, MASK)) == []  # in another order


def test_added_and_removed_regions() -> None:
    assert changes(photo(MASK), photo(MASK, HAT)) == [(Change.ADDED, None, 1)]
    assert changes(photo(MASK, HAT), photo(HAT)) == [(Change.REMOVED, 0, None)]
    assert changes(photo(), photo(HAT)) == [(Change.ADDED, None, 0)]


def test_changed_classes_and_outlines() -> None:
    smaller: Box = (0, 40, 20, 67)
    assert changes(photo(MASK, HAT), photo(MASK, ("mask", HAT[1]))) == [(Change.CLASS, 1, 1)]
    assert changes(photo(HAT), photo(("hat", smaller))) == [(Change.OUTLINE, 0, 0)]
    assert changes(photo(HAT), photo(("mask", smaller))) == [(Change.BOTH, 0, 0)]
    assert compare([photo(HAT)], [photo(("hat", smaller))])[0].iou == pytest.approx(0.9)
    assert changes(photo(MASK), photo(MASK, ignored=(0,))) == [(Change.CLASS, 0, 0)]


def test_an_outline_with_other_points_is_unchanged() -> None:
    """As tools write it: the first point twice, and points that are rounded differently."""
    (region,) = photo(HAT).regions
    closed = np.concatenate([region.polygon, region.polygon[:1]])
    for polygon in (closed, region.polygon + 0.01):
        assert compare([photo(HAT)], [replace(photo(HAT), regions=(replace(region, polygon=polygon),))]) == []


def test_a_box_that_becomes_an_outline_has_changed() -> None:
    (region,) = photo(HAT).regions
    box = replace(photo(HAT), regions=(replace(region, box_only=True),))
    assert changes(box, box) == []
    assert changes(box, photo(HAT)) == [(Change.OUTLINE, 0, 0)]


def test_an_outline_elsewhere_is_another_object() -> None:
    assert changes(photo(HAT), photo(("hat", MASK[1]))) == [(Change.REMOVED, 0, None), (Change.ADDED, None, 0)]


def test_equal_outlines_are_matched_by_class() -> None:
    both = (MASK, ("hat", MASK[1]))
    assert changes(photo(*both), photo(*both[::-1])) == []
    assert changes(photo(*both), photo(both[1])) == [(Change.REMOVED, 0, None)]


def test_photos_are_matched_by_name() -> None:
    found = compare(
        [photo(HAT, name="a.png"), photo(HAT, name="b.png")], [photo(HAT, name="b.png"), photo(name="c.png")]
    )
    assert [(each.photo, each.change) for each in found] == [
        ("a.png", Change.PHOTO_REMOVED),
        ("c.png", Change.PHOTO_ADDED),
    ]


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"made_up\.png has 80 x 60 pixels and 81 x 60"):
        compare([photo(HAT)], [replace(photo(HAT), width=81)])
