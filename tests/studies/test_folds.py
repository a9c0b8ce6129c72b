"""Tables of runs on folds: the folds of a seed are one observation of all objects, and incomplete seeds are named."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from fmask.evaluation.matches import ClassMatches
from fmask.evaluation.outcomes import Outcome
from fmask.studies import Study, StudyRun, as_csv, tabulate
from fmask.studies.notes import notes, title
from fmask.studies.runs import Scored
from fmask.studies.statistics import pooled_rate
from fmask.utils.errors import UserError
from tests.helpers.fabricated import run

FOLDS, PHOTOS = 3, 30


def fold_run(number: int, seed: int, fold: int, found: np.ndarray, **params: str) -> StudyRun:
    """Return a run on the photos of a fold, each with one object; photo n is in fold n % FOLDS + 1."""
    photos = [n for n in range(PHOTOS) if n % FOLDS == fold - 1]
    outcomes = {(f"train/{n}.jpg", 0): Outcome.FOUND if found[n] else Outcome.MISSED for n in photos}
    scored = Scored(outcomes, 1, {f"train/{n}.jpg": int(found[n]) + (n == photos[0]) for n in photos})
    hits = {
        f"train/{n}.jpg": {"hat": ClassMatches(1, ((0.9 - n / 100, "1" * 10),) if found[n] else ())} for n in photos
    }
    data = {name: f"photos@{name}{fold}" for name in ("train", "val", "test")} | {"folds": "photos@deal"}
    settings = {"seed": str(seed), "fold": str(fold), "data.folds": str(FOLDS), "min_confidence": "0.5", **params}
    return replace(run(number, ""), params=settings, data=data, scores={0.5: scored}, matches=hits)


def runs_of(first: int, found: np.ndarray, **params: str) -> list[StudyRun]:
    """Return a run for each seed and fold; `found` is bool (S, PHOTOS)."""
    pairs = [(seed, fold) for fold in range(1, FOLDS + 1) for seed in range(len(found))]
    return [fold_run(first + n, seed, fold, found[seed], **params) for n, (seed, fold) in enumerate(pairs)]


def draw(seed: int, rate: float, seeds: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, PHOTOS)) < rate


def test_seeds_and_folds_are_one_row_in_which_each_object_is_tested_once_for_each_seed() -> None:
    found = draw(1, 0.6)
    (table,) = tabulate(Study("s", tuple(runs_of(1, found, aug="none") + runs_of(20, draw(2, 0.6), aug="blur"))))
    assert (table.folds, table.objects, table.photos, table.columns) == (FOLDS, PHOTOS, PHOTOS, ("aug",))
    row = table.rows[0]
    assert (row.runs, row.seeds, row.found, row.missed, row.spurious) == (6, 2, found.sum(), (~found).sum(), 6)
    names = sorted(range(PHOTOS), key=lambda n: f"train/{n}.jpg")
    expected = pooled_rate(found[:, names].astype(float), np.ones((2, PHOTOS)), np.array(names) % FOLDS)
    assert (row.accuracy.value, row.accuracy.low, row.accuracy.high) == pytest.approx(expected)
    assert title(table) == "s: 12 runs on photos@deal in 3 folds, confidence 0.5"
    assert "a network that was trained without its fold, one of 3" in " ".join(notes(table))


def test_average_precision_is_the_mean_of_the_folds() -> None:
    found = draw(3, 0.6)
    (table,) = tabulate(Study("s", tuple(runs_of(1, found, aug="none") + runs_of(20, draw(4, 0.9), aug="blur"))))
    rate = table.rows[0].precisions["mask_ap50"]
    shares = [found[seed, fold::FOLDS].mean() for seed in range(2) for fold in range(FOLDS)]
    assert rate.value == pytest.approx(np.mean([(np.floor(share * 100 + 1e-9) + 1) / 101 for share in shares]))
    assert rate.low < rate.value < rate.high
    compared = table.rows[1].precision_comparisons["mask_ap50"]
    assert compared.low < compared.difference < compared.high
    assert not isnan(compared.p)
    assert "mask_ap50_hat_low" in as_csv([table])


def test_one_seed_on_each_fold_is_compared_but_without_folds_it_is_not() -> None:
    (table,) = tabulate(
        Study("s", tuple(runs_of(1, draw(5, 0.2, 1), aug="none") + runs_of(9, draw(6, 0.9, 1), aug="blur")))
    )
    assert table.rows[1].comparison is not None
    assert table.rows[1].comparison.verdict == "better"


def test_seeds_that_lack_folds_are_left_out_and_named() -> None:
    runs = runs_of(1, draw(7, 0.5), aug="none") + runs_of(20, draw(8, 0.5), aug="blur")
    kept = [each for each in runs if (each.params["aug"], each.params["seed"], each.fold) != ("blur", "1", 2)]
    (table,) = tabulate(Study("s", tuple(kept)))
    assert [(row.seeds, row.runs) for row in table.rows] == [(2, 6), (1, 3)]
    assert table.left_out == {"in aug=blur seed=1, which lacks fold 2": 2}
    only = [each for each in kept if each.fold == 1]
    with pytest.raises(
        UserError, match="has no seed with a run for each fold on photos@deal: in aug=none seed=0, which"
    ):
        tabulate(Study("s", tuple(only)))


def test_runs_on_another_deal_are_another_table() -> None:
    runs = runs_of(1, draw(9, 0.5))
    other = [replace(each, id=f"x{each.id}", data={**each.data, "folds": "photos@other"}) for each in runs]
    assert {table.data for table in tabulate(Study("s", (*runs, *other)))} == {"photos@other", "photos@deal"}


def test_rows_within_a_margin_are_equivalent() -> None:
    same = np.repeat(draw(10, 0.5, 1), 3, axis=0)
    runs = runs_of(1, same, aug="none") + runs_of(20, same, aug="blur") + runs_of(40, ~same, aug="clahe")
    (table,) = tabulate(Study("s", tuple(runs)), margin=0.3)
    verdicts = [row.comparison.verdict for row in table.rows if row.comparison]
    assert verdicts == ["equivalent", "undecided"]
    (untested,) = tabulate(Study("s", tuple(runs)))
    assert [row.comparison.verdict for row in untested.rows if row.comparison] == ["undecided", "undecided"]
    assert "less than 0.3 in either direction" in " ".join(notes(table))
