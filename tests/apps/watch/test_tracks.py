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
) -> list[tuple[int, str, float]]:
    """Return head, item and start of the lacks of one head, detected with these items every tenth of a second."""
    tracker = Tracker(needed, hold)
    lacks: list[Lack] = []
    for n, items in enumerate(items_by_frame):
        lacks += tracker.update([] if items is None else [head(items, 2.0 * n)], n / RATE)[1]
    return [(lack.head, lack.item, lack.since) for lack in lacks]


def test_a_lack_is_reported_once() -> None:
    assert watch([BOTH] * 5 + [MASK] * 40) == [(1, "hat", 0.5)]


@pytest.mark.parametrize(("frames", "reported"), [(10, 0), (11, 1)])
def test_a_lack_must_last_for_the_hold_time(frames: int, reported: int) -> None:
    assert len(watch([MASK] * frames)) == reported


def test_flicker_is_not_reported() -> None:
    assert watch([*([BOTH] * 8), MASK, HAT, MASK] * 10) == []


def test_one_detection_of_the_item_restarts_the_time() -> None:
    assert watch([MASK] * 9 + [BOTH] + [MASK] * 9 + [BOTH] + [MASK] * 11) == [(1, "hat", 2.0)]


def test_a_lack_has_the_mean_score_of_what_was_seen_and_what_is_worn() -> None:
    tracker, box = Tracker(["mask"], 0.2), (0.0, 0.0, 60.0, 40.0)
    for n, (items, scores) in enumerate(
        [("hat", {"hat": 0.9, "head": 0.5}), ("hat", {"hat": 0.7}), ("", {"head": 0.5})]
    ):
        _, lacks = tracker.update([Head(frozenset(items.split()), box, scores)], n / RATE)
    (lack,) = lacks
    assert (lack.confidence, lack.worn) == (pytest.approx(0.7), frozenset())


def test_frames_without_the_head_have_no_effect() -> None:
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 2) == []
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 3) == [(1, "hat", 0.0)]


def test_a_lack_ends_when_the_item_is_seen_for_the_hold_time() -> None:
    lacking, worn = [MASK] * 12, [BOTH] * 12
    assert watch([*lacking, BOTH, *lacking, BOTH, BOTH, *lacking]) == [(1, "hat", 0.0)]
    assert watch([*lacking, *worn, *lacking]) == [(1, "hat", 0.0), (1, "hat", 2.4)]


def test_items_that_are_not_needed_are_not_reported() -> None:
    assert watch([HAT] * 30, needed=["hat"]) == []
    assert watch([HAT] * 30, needed=["mask"]) == [(1, "mask", 0.0)]


def test_with_a_hold_time_of_0_every_change_counts() -> None:
    assert watch([MASK, BOTH, HAT], hold=0) == [(1, "hat", 0.0), (1, "mask", 0.2)]


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
