"""Filled slots are computed, and their results are found again."""

import keras
import numpy as np
import pytest

from fmask.model.compaction import compact


def compacted(present: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    rows, places = compact(keras.ops.convert_to_tensor(np.array(present)))
    return keras.ops.convert_to_numpy(rows), keras.ops.convert_to_numpy(places)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_each_filled_slot_finds_its_own_row(share: float, seed: int) -> None:
    present = np.random.default_rng(seed).uniform(size=37) < share
    rows, places = compacted(list(present))
    assert (rows[places[present]] == np.flatnonzero(present)).all()
    assert ((places >= 0) & (places < len(rows))).all()
    assert len(set(rows.tolist())) == len(rows)


@pytest.mark.parametrize(("filled", "rows"), [(0, 1), (1, 1), (2, 2), (4, 4), (5, 6), (9, 10), (10, 10)])
def test_few_empty_slots_are_computed(filled: int, rows: int) -> None:
    assert len(compacted([True] * filled + [False] * (10 - filled))[0]) == rows
