"""A head lacks an item once it has been without it for long enough; flicker has no effect."""

from collections.abc import Sequence

import pytest

from fmask.apps.watch.heads import Head
from fmask.apps.watch.tracks import PATIENCE, Lack, Tracker

BOTH, MASK, HAT, UNSEEN = "mask hat", "mask", "hat", None
RATE = 10


def head(items: str, left: float = 0.0) -> Head:
    return Head(frozenset(items.split()), (0.0, left, 60.0, left + 40.0))


def watch(
    items_by_frame: Sequence[str | None], hold: float = 1.0, needed: Sequence[str] = ("mask", "hat")
) -> list[Lack]:
    """Return the lacks of one head that moves right, detected with these items every tenth of a second."""
    tracker = Tracker(needed, hold)
    lacks = []
    for n, items in enumerate(items_by_frame):
        lacks += tracker.update([] if items is None else [head(items, 2.0 * n)], n / RATE)[1]
    return lacks


def test_a_lack_is_reported_once() -> None:
    assert watch([BOTH] * 5 + [MASK] * 40) == [Lack(1, "hat", 0.5)]


@pytest.mark.parametrize(("frames", "reported"), [(10, 0), (11, 1)])
def test_a_lack_must_last_for_the_hold_time(frames: int, reported: int) -> None:
    assert len(watch([MASK] * frames)) == reported


def test_flicker_is_not_reported() -> None:
    assert watch([*([BOTH] * 8), MASK, HAT, MASK] * 10) == []


def test_one_detection_of_the_item_restarts_the_time() -> None:
    assert watch([MASK] * 9 + [BOTH] + [MASK] * 9 + [BOTH] + [MASK] * 11) == [Lack(1, "hat", 2.0)]


def test_frames_without_the_head_have_no_effect() -> None:
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 2) == []
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 3) == [Lack(1, "hat", 0.0)]


def test_a_lack_ends_when_the_item_is_seen_for_the_hold_time() -> None:
    lacking, worn = [MASK] * 12, [BOTH] * 12
    assert watch([*lacking, BOTH, *lacking, BOTH, BOTH, *lacking]) == [Lack(1, "hat", 0.0)]
    assert watch([*lacking, *worn, *lacking]) == [Lack(1, "hat", 0.0), Lack(1, "hat", 2.4)]


def test_items_that_are_not_needed_are_not_reported() -> None:
    assert watch([HAT] * 30, needed=["hat"]) == []
    assert watch([HAT] * 30, needed=["mask"]) == [Lack(1, "mask", 0.0)]


def test_with_a_hold_time_of_0_every_change_counts() -> None:
    assert watch([MASK, BOTH, HAT], hold=0) == [Lack(1, "hat", 0.0), Lack(1, "mask", 0.2)]


def test_heads_keep_their_numbers_while_they_move() -> None:
    tracker = Tracker(["mask"], 1.0)
    for n in range(20):
        tracks, _ = tracker.update([head(BOTH, 200 - 3 * n), head(MASK, 3 * n)][:: -1 if n % 2 else 1], n / RATE)
        assert sorted((track.number, track.head.items) for track in tracks) == [
            (1, frozenset({"mask", "hat"})),
            (2, frozenset({"mask"})),
        ]


@pytest.mark.parametrize(("gap", "number"), [(PATIENCE, 1), (PATIENCE + 0.1, 2)])
def test_a_head_that_was_not_seen_for_long_is_a_new_one(gap: float, number: int) -> None:
    tracker = Tracker(["mask"], 1.0)
    tracker.update([head(MASK)], 0.0)
    assert tracker.update([], gap / 2)[0] == []
    assert [track.number for track in tracker.update([head(MASK)], gap)[0]] == [number]
