"""Photos of one group are one sample: intervals and tests are for other groups."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmask.evaluation.matches import ClassMatches
from fmask.studies import as_markdown, tabulate
from fmask.studies.average_precision import run_precisions
from fmask.studies.counts import count
from fmask.studies.folds import pool_folds, unit_of
from fmask.studies.notes import notes
from fmask.studies.runs import StudyRun
from fmask.studies.runs_file import read_runs, write_runs
from tests.helpers.fabricated import run, study

OUTCOMES = "ffffffwmmmmmffffmmff" * 2
"""20 photos of two objects."""


def grouped(each: StudyRun, size: int) -> StudyRun:
    """Return a run whose photos belong to groups of `size` neighbours."""
    return replace(each, groups={f"{n}.jpg": f"site {n // size}" for n in range(20)})


def test_counts_are_of_groups() -> None:
    seeds = [pool_folds([grouped(run(n, OUTCOMES, seed=n), 4)], 0.9) for n in (1, 2)]
    objects = sorted(seeds[0].scored.outcomes)
    alone, together = count(seeds, objects), count(seeds, objects, unit_of(seeds))
    assert (alone.found.shape, together.found.shape) == ((2, 20), (2, 5))
    order = list(dict.fromkeys(photo for photo, _ in objects))
    places = [int(photo.removesuffix(".jpg")) // 4 for photo in order]
    for name in ("found", "wrong", "missed"):
        summed = [np.bincount(places, weights=row) for row in getattr(alone, name)]
        firsts = list(dict.fromkeys(places))
        np.testing.assert_array_equal(getattr(together, name), np.array(summed)[:, firsts])
    assert together.other.sum() == alone.other.sum()
    assert together.accuracy.value == alone.accuracy.value
    assert together.precision_all.value == alone.precision_all.value


def test_a_photo_in_no_group_is_its_own() -> None:
    seeds = [pool_folds([replace(run(1, OUTCOMES), groups={"0.jpg": "1.jpg"})], 0.9)]
    objects = sorted(seeds[0].scored.outcomes)
    assert count(seeds, objects, unit_of(seeds)).found.shape == (1, 20), "a group called like a photo is not that photo"


def test_average_precision_is_the_same_and_its_influences_are_added_up() -> None:
    rng = np.random.default_rng(0)
    photos = [f"{n}.jpg" for n in range(12)]
    matches = {
        photo: {"hat": ClassMatches(2, tuple((float(rng.random()), "1" * k + "0" * (10 - k)) for k in (10, 4, 0)))}
        for photo in photos
    }
    units = [f"site {n // 3}" for n in range(12)]
    alone, together = run_precisions(matches, photos), run_precisions(matches, photos, units)
    for name, each in alone.items():
        assert together[name].value == each.value
        np.testing.assert_allclose(together[name].influence, each.influence.reshape(4, 3).sum(axis=1), atol=1e-12)
        np.testing.assert_allclose(together[name].weights, each.weights.reshape(4, 3).sum(axis=1))


def test_a_table_says_so_and_is_rebuilt_from_its_file(tmp_path: Path) -> None:
    runs = [grouped(run(n, OUTCOMES, seed=n, aug="none"), 2) for n in (1, 2)]
    runs += [grouped(run(n, OUTCOMES[::-1], seed=n - 2, aug="blur"), 2) for n in (3, 4)]
    made = study(runs)
    write_runs(made, tmp_path / "runs.csv")
    again = read_runs(tmp_path / "runs.csv")
    assert [each.groups for each in again.runs] == [each.groups for each in made.runs]
    (table,), (rebuilt,) = tabulate(made), tabulate(again)
    assert as_markdown([table]) == as_markdown([rebuilt])
    assert rebuilt.groups == table.groups
    assert (table.photos, table.groups) == (20, 10)
    text = " ".join(notes(table))
    assert "The photos belong to 10 groups (data.groups), which count as one photo each." in text
    assert "95 % intervals for other groups of photos and other seeds" in text
    assert "paired by group" in text
    (alone,) = tabulate(study([replace(each, groups={}) for each in runs]))
    assert alone.groups is None
    assert "group" not in " ".join(notes(alone))
    for row, other in zip(table.rows, alone.rows, strict=True):
        assert row.accuracy.value == other.accuracy.value
        assert row.accuracy.high - row.accuracy.low > other.accuracy.high - other.accuracy.low


def test_settings_are_compared_by_group_even_if_only_one_of_them_has_logged_them() -> None:
    runs = [grouped(run(n, OUTCOMES, seed=n, aug="none"), 2) for n in (1, 2)]
    runs += [run(n, OUTCOMES[::-1], seed=n - 2, aug="blur") for n in (3, 4)]
    (table,) = tabulate(study(runs))
    assert table.groups == 10
    assert table.rows[1].comparison is not None
    assert table.rows[0].accuracy.value == pytest.approx(24 / 40)
