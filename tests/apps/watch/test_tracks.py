"""A head is believed to lack something when it has for long enough, and flicker changes no belief."""

from collections.abc import Sequence

import pytest

from fmask.apps.watch.heads import Head
from fmask.apps.watch.tracks import PATIENCE, Lack, Tracker

BOTH, MASK, HAT, UNSEEN = "mask hat", "mask", "hat", None
RATE = 10


def head(items: str, left: float = 0.0) -> Head:
    return Head(frozenset(items.split()), (0.0, left, 60.0, left + 40.0))


def watch(sights: Sequence[str | None], hold: float = 1.0, needed: Sequence[str] = ("mask", "hat")) -> list[Lack]:
    """What one head that moves right is believed to lack, seen so in frames a tenth of a second apart."""
    tracker = Tracker(needed, hold)
    lacks = []
    for n, items in enumerate(sights):
        lacks += tracker.update([] if items is None else [head(items, 2.0 * n)], n / RATE)[1]
    return lacks


def test_a_lack_is_told_once_when_it_has_lasted() -> None:
    assert watch([BOTH] * 5 + [MASK] * 40) == [Lack(1, "hat", 0.5)]


@pytest.mark.parametrize(("frames", "told"), [(10, 0), (11, 1)])
def test_it_must_last_as_long_as_said(frames: int, told: int) -> None:
    assert len(watch([MASK] * frames)) == told


def test_flicker_is_no_event() -> None:
    assert watch([*([BOTH] * 8), MASK, HAT, MASK] * 10) == []


def test_one_sight_of_the_item_begins_the_time_anew() -> None:
    assert watch([MASK] * 9 + [BOTH] + [MASK] * 9 + [BOTH] + [MASK] * 11) == [Lack(1, "hat", 2.0)]


def test_frames_without_the_head_say_nothing() -> None:
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 2) == [Lack(1, "hat", 0.0)][:0]
    assert watch([MASK, MASK, UNSEEN, MASK, UNSEEN, UNSEEN] * 3) == [Lack(1, "hat", 0.0)]


def test_an_event_is_over_when_the_item_was_there_as_long() -> None:
    lacking, worn = [MASK] * 12, [BOTH] * 12
    assert watch([*lacking, BOTH, *lacking, BOTH, BOTH, *lacking]) == [Lack(1, "hat", 0.0)]
    assert watch([*lacking, *worn, *lacking]) == [Lack(1, "hat", 0.0), Lack(1, "hat", 2.4)]


def test_what_is_not_needed_is_not_missed() -> None:
    assert watch([HAT] * 30, needed=["hat"]) == []
    assert watch([HAT] * 30, needed=["mask"]) == [Lack(1, "mask", 0.0)]


def test_without_waiting_every_change_counts() -> None:
    assert watch([MASK, BOTH, HAT], hold=0) == [Lack(1, "hat", 0.0), Lack(1, "mask", 0.2)]


def test_heads_keep_their_numbers_while_they_move() -> None:
    tracker = Tracker(["mask"], 1.0)
    for n in range(20):
        tracks, _ = tracker.update([head(BOTH, 200 - 3 * n), head(MASK, 3 * n)][:: -1 if n % 2 else 1], n / RATE)
        assert sorted((track.number, track.head.items) for track in tracks) == [
            (1, frozenset({"mask", "hat"})),
            (2, frozenset({"mask"})),
        ]


@pytest.mark.parametrize(("away", "number"), [(PATIENCE, 1), (PATIENCE + 0.1, 2)])
def test_a_head_that_was_away_for_long_is_a_new_one(away: float, number: int) -> None:
    tracker = Tracker(["mask"], 1.0)
    tracker.update([head(MASK)], 0.0)
    assert tracker.update([], away / 2)[0] == []
    assert [track.number for track in tracker.update([head(MASK)], away)[0]] == [number]
