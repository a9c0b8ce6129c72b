"""The table of a study: pooling, columns, comparisons, and runs that are refused."""

from dataclasses import replace
from typing import Any

import pytest

from fmask.studies import StudyTable, tabulate
from fmask.studies.output import notes
from fmask.utils.errors import UserError
from tests.helpers.fabricated import run, study


def test_seeds_are_pooled_by_setting() -> None:
    runs = [
        run(1, "ffwm", aug="none", seed=1),
        run(2, "fmmm", aug="blur", seed=1),
        run(3, "fffm", aug="none", seed=2),
    ]
    table = tabulate(study(runs))
    assert (table.columns, [row.settings for row in table.rows]) == (("aug",), [("none",), ("blur",)])
    none, blur = table.rows
    assert (none.runs, none.found, none.wrong, none.missed, none.spurious) == (2, 5, 1, 2, 4)
    assert (none.accuracy.value, none.precision.value) == pytest.approx((5 / 8, 5 / 6))
    assert (none.val_mask_ap50, none.val_mask_ap50_sd) == pytest.approx((0.7, 0.02**0.5))
    assert none.cpu_seconds == 200
    assert (blur.runs, blur.found, blur.missed) == (1, 1, 3)
    assert (table.objects, table.photos, table.data) == (4, 2, "photos@" + "cc" * 8)


def test_rows_are_compared_with_the_baseline_by_holm() -> None:
    runs = [
        run(1, "m" * 12 + "ffff", aug="none"),
        run(2, "f" * 8 + "mmmm" + "ffff", aug="blur"),
        run(3, "m" * 11 + "fffff", aug="clahe"),
        run(4, "f" * 6 + "m" * 6 + "ffff", aug="sharpen"),
    ]
    first, *others = tabulate(study(runs)).rows
    assert first.comparison is None
    compared = [row.comparison for row in others if row.comparison]
    assert [each.p for each in compared] == pytest.approx([2 / 2**8, 1, 2 / 2**6])
    assert [each.adjusted_p for each in compared] == pytest.approx([6 / 2**8, 1, 4 / 2**6])
    assert [each.difference for each in compared] == pytest.approx([8 / 16, 1 / 16, 6 / 16])
    assert [each.verdict for each in compared] == ["better", "undecided", "undecided"]
    against_blur = tabulate(study(runs), baseline=2).rows
    assert against_blur[1].comparison is None
    assert against_blur[0].comparison is not None
    assert against_blur[0].comparison.verdict == "worse"
    with pytest.raises(UserError, match=r"The baseline must be a row from 1 to 4, not 5."):
        tabulate(study(runs), baseline=5)


def columns(*settings: dict[str, Any]) -> StudyTable:
    return tabulate(study([run(number, "ff", **each) for number, each in enumerate(settings, start=1)]))


def test_columns_are_the_params_that_differ_by_their_shortest_names() -> None:
    table = columns(
        {"aug": "none", "aug__augmenters": "[]", "optim__ema": 0, "lr": 0.1, "jitter__scale": 1, "widths__scale": 2},
        {"aug": "blur", "aug__augmenters": "[x]", "optim__ema": 1, "lr": 0.1, "jitter__scale": 2, "widths__scale": 3},
    )
    assert table.columns == ("aug", "jitter.scale", "ema", "widths.scale")
    assert columns({"aug": "none"}).columns == ()


def test_augmenters_changed_under_one_name_are_shown() -> None:
    table = columns({"aug": "none", "aug__augmenters": "[]"}, {"aug": "none", "aug__augmenters": "[x]"})
    assert table.columns == ("augmenters",)


def test_settings_that_a_recipe_determines_are_implied_but_factors_are_shown() -> None:
    table = columns(
        {"recipe": "report", "crop_size": 128, "norm": "frozen", "steps": 50, "image_size": 128},
        {"recipe": "scratch", "crop_size": 96, "norm": "batch", "steps": 100, "image_size": 192},
        {"recipe": "scratch", "crop_size": 96, "norm": "batch", "steps": 100, "image_size": 128},
    )
    assert (table.columns, table.implied) == (("recipe", "steps", "image_size"), ("crop_size", "norm"))


def test_the_recipe_is_a_column_if_it_differs_and_else_a_note() -> None:
    mixed = columns({"recipe": "report"}, {"recipe": "scratch"})
    assert (mixed.columns, mixed.recipe) == (("recipe",), None)
    same = columns({"recipe": "scratch", "steps": 50}, {"recipe": "scratch", "steps": 100})
    assert (same.columns, same.recipe) == (("steps",), "scratch")
    assert "All rows: recipe=scratch." in notes(same)
    assert not any("recipe=" in note for note in notes(mixed))


def test_published_trainings_are_beside_the_same_setting() -> None:
    same = {"backbone": "resnet50", "steps": 50, "val_steps": 10}
    table = columns(
        {**same, "aug": "fliplr_clahe"},
        {**same, "aug": "blur", "schedule": "one_part"},
        {**same, "aug": "fliplr_clahe", "schedule": "two_part", "schedule__parts__two__aug": "none"},
        {**same, "aug": "fliplr_clahe", "backbone": "resnet18"},
    )
    published = [[(each.row, each.found, each.objects, each.accuracy) for each in row.published] for row in table.rows]
    assert published[0] == [("7", 13, 18, 0.7222), ("8a", 15, 18, 0.8333)]
    assert published[1:] == [[("6", 11, 18, 0.6111)], [("8b", 14, 18, 0.7778)], published[0]]
    assert table.rows[1].published[0].precision == 0.8461
    assert table.columns == ("backbone", "schedule", "aug", "two.aug")


def test_repeated_seeds_count_once_and_unfinished_runs_not_at_all() -> None:
    runs = [
        run(1, "fmmm"),
        run(2, "ffff"),
        run(3, "", status="FAILED"),
        run(4, "", status="RUNNING"),
        run(5, "", status="FAILED"),
        replace(run(6, "ffff"), scores={}),
    ]
    table = tabulate(study(runs))
    assert [(row.runs, row.found) for row in table.rows] == [(1, 4)]
    assert table.left_out == {
        "failed": 2,
        "running": 1,
        "finished without test scores": 1,
        "repeated later with the same settings and seed": 1,
    }


def test_a_study_without_finished_runs_is_refused() -> None:
    runs = [run(1, "", status="FAILED"), run(2, "", status="FAILED"), run(3, "", status="RUNNING")]
    with pytest.raises(UserError, match=r"'report' has no finished run with test scores; runs: 2 FAILED, 1 RUN"):
        tabulate(study(runs))


def test_runs_on_different_data_are_refused() -> None:
    other = {"train": "photos@" + "aa" * 8, "val": "photos@" + "bb" * 8, "test": "photos@" + "dd" * 8}
    runs = [run(1, "ff"), run(2, "fm", aug="blur"), replace(run(3, "mm"), data=other)]
    with pytest.raises(UserError, match=r"test is photos@c{16} in run run1 and photos@d{16} in run run3; choose"):
        tabulate(study(runs))
    assert [row.found for row in tabulate(study(runs), data="photos@" + "dd" * 8).rows] == [0]
    with pytest.raises(UserError, match=r"test is photos@c{16} in run run1 and not logged in run run3"):
        tabulate(study([runs[0], replace(runs[2], data={})]))
    with pytest.raises(UserError, match="no finished run with test scores on rendered; runs on rendered: none"):
        tabulate(study(runs), data="rendered")


def test_runs_on_different_objects_are_refused() -> None:
    with pytest.raises(UserError, match=r"Runs run1 and run2 were scored on different objects: .* region 0 of 1.jpg"):
        tabulate(study([run(1, "ff"), run(2, "fff")]))
