"""The table of a study: pooling, columns, comparisons, and runs that are refused."""

from dataclasses import replace
from math import isnan
from typing import Any

import pytest

from fmask.studies import StudyRun, StudyTable, tabulate
from fmask.studies.notes import notes
from fmask.utils.errors import UserError
from tests.helpers.fabricated import run, study


def test_seeds_are_pooled_by_setting() -> None:
    runs = [
        run(1, "ffwm", aug="none", seed=1),
        run(2, "fmmm", aug="blur", seed=1),
        run(3, "fffm", aug="none", seed=2),
    ]
    (table,) = tabulate(study(runs))
    assert (table.columns, [row.settings for row in table.rows]) == (("aug",), [("none",), ("blur",)])
    none, blur = table.rows
    assert (none.runs, none.found, none.wrong, none.missed, none.spurious) == (2, 5, 1, 2, 4)
    assert (none.accuracy.value, none.precision.value) == pytest.approx((5 / 8, 5 / 6))
    assert (none.val_mask_ap50, none.val_mask_ap50_sd) == pytest.approx((0.7, 0.02**0.5))
    assert none.cpu_seconds == 200
    assert (blur.runs, blur.found, blur.missed) == (1, 1, 3)
    assert (table.objects, table.photos, table.data) == (4, 2, "photos@" + "cc" * 8)


def test_the_export_to_onnx_is_no_setting_of_a_row() -> None:
    runs = [run(1, "fm", seed=1, onnx="true"), run(2, "ff", seed=2, onnx="false"), run(3, "mm", seed=3)]
    (row,) = tabulate(study(runs))[0].rows
    assert row.runs == 3


def seeds(first: int, *outcomes: str, **params: Any) -> list[StudyRun]:
    """Return a run for each seed, numbered from `first`."""
    return [run(first + n, each, seed=n, **params) for n, each in enumerate(outcomes)]


def test_rows_are_compared_with_the_baseline_by_holm() -> None:
    runs = [
        *seeds(1, "m" * 24 + "ffff" * 2, "fm" + "m" * 22 + "ffff" * 2, aug="none"),
        *seeds(3, "f" * 32, "f" * 31 + "m", aug="blur"),
        *seeds(5, "m" * 23 + "f" * 9, "m" * 24 + "f" * 8, aug="clahe"),
        *seeds(7, "f" * 18 + "m" * 6 + "f" * 8, "f" * 18 + "m" * 5 + "f" * 9, aug="sharpen"),
    ]
    (table,) = tabulate(study(runs))
    first, *others = table.rows
    assert first.comparison is None
    compared = [row.comparison for row in others if row.comparison]
    assert [each.difference for each in compared] == pytest.approx([46 / 64, 0, 36 / 64])
    assert [each.adjusted_p for each in compared] == pytest.approx([compared[0].p * 3, 1, compared[2].p * 2])
    assert [each.verdict for each in compared] == ["better", "undecided", "better"]
    (against_blur,) = tabulate(study(runs), baseline=2)
    assert against_blur.rows[1].comparison is None
    assert against_blur.rows[0].comparison is not None
    assert against_blur.rows[0].comparison.verdict == "worse"
    with pytest.raises(UserError, match=r"The baseline must be a row from 1 to 4, not 5."):
        tabulate(study(runs), baseline=5)


def test_a_row_or_a_baseline_of_one_seed_is_never_better_or_worse() -> None:
    runs = [
        run(1, "m" * 40, aug="none"),
        *seeds(2, "f" * 40, "f" * 40, "f" * 40, aug="blur"),
        run(5, "f" * 40, aug="x"),
    ]
    for baseline in (1, 2, 3):
        (table,) = tabulate(study(runs), baseline=baseline)
        compared = [row.comparison for row in table.rows if row.comparison]
        assert {each.verdict for each in compared} == {"one seed"}
        assert all(isnan(each.p) and isnan(each.adjusted_p) for each in compared)


def test_rows_of_one_seed_do_not_count_for_holm() -> None:
    runs = [*seeds(1, "m" * 40, "m" * 40, aug="none"), *seeds(3, "f" * 40, "fm" * 20, aug="blur"), run(5, "f" * 40)]
    (table,) = tabulate(study(runs))
    blur = table.rows[1].comparison
    assert blur is not None
    assert blur.adjusted_p == blur.p


def columns(*settings: dict[str, Any]) -> StudyTable:
    (table,) = tabulate(study([run(number, "ff", **each) for number, each in enumerate(settings, start=1)]))
    return table


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


def test_results_on_other_data_are_not_compared_with_the_published_ones() -> None:
    drawn = replace(run(1, "ff", aug="blur", steps=50, val_steps=10), data={"test": "rendered@" + "ee" * 8})
    (table,) = tabulate(study([drawn]))
    assert table.rows[0].published == ()
    assert not any("Published" in note for note in notes(table))


def test_repeated_seeds_count_once_and_unfinished_runs_not_at_all() -> None:
    runs = [
        run(1, "fmmm"),
        run(2, "ffff"),
        run(3, "", status="FAILED"),
        run(4, "", status="RUNNING"),
        run(5, "", status="FAILED"),
        replace(run(6, "ffff"), scores={}),
    ]
    (table,) = tabulate(study(runs))
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


def test_each_data_set_has_its_own_table_that_of_the_latest_run_first() -> None:
    other = {"train": "photos@" + "aa" * 8, "val": "photos@" + "bb" * 8, "test": "photos@" + "dd" * 8}
    runs = [
        run(1, "ff"),
        replace(run(2, "mm", min_confidence=0.5), data=other),
        run(3, "fm", aug="blur"),
        run(4, "", status="FAILED"),
        replace(run(5, "", status="FAILED"), data={}),
    ]
    both = tabulate(study(runs))
    assert [(table.data[-2:], [row.found for row in table.rows]) for table in both] == [("cc", [2, 1]), ("dd", [0])]
    assert [table.confidence for table in both] == [0.9, 0.5]
    assert [table.left_out for table in both] == [{"failed": 2}, {}]
    latest_first = tabulate(study([*runs, replace(run(6, "ff"), data=other)]), confidence=0.5)
    assert [table.data[-2:] for table in latest_first] == ["dd", "cc"]
    (chosen,) = tabulate(study(runs), data="photos@" + "dd" * 8)
    assert [row.found for row in chosen.rows] == [0]
    assert len(tabulate(study([runs[0], replace(runs[2], data={})]))) == 2
    with pytest.raises(UserError, match=r"from 1 to 1, not 2 in the table of the runs on photos@d+; --data chooses a"):
        tabulate(study(runs), baseline=2)
    with pytest.raises(UserError, match="no finished run with test scores on rendered; runs on rendered: none"):
        tabulate(study(runs[:4]), data="rendered")


def test_the_confidence_is_that_of_the_runs() -> None:
    high = run(1, "ffmm")
    low = replace(run(2, "fmmm", min_confidence=0.5, aug="blur"), scores={0.5: high.scores[0.5]})
    assert tabulate(study([high]))[0].confidence == 0.9
    assert tabulate(study([low]))[0].confidence == 0.5
    with pytest.raises(
        UserError, match=r"on photos@c+ have different min_confidence, 0.5 and 0.9: choose .*--confidence"
    ):
        tabulate(study([high, low]))
    (table,) = tabulate(study([high, low]), confidence=0.5)
    assert (table.columns, len(table.rows)) == (("aug",), 2), "min_confidence is not a setting of the rows"
    (table,) = tabulate(study([high, low]), confidence=0.9)
    assert table.left_out == {"not scored at confidence 0.9": 1}
    with pytest.raises(UserError, match=r"--confidence must be 0.5 or 0.9, at which the runs .* were scored, not 0.7"):
        tabulate(study([high, low]), confidence=0.7)
    unknown = replace(high, params={})
    with pytest.raises(UserError, match="have not logged their min_confidence: choose"):
        tabulate(study([unknown]))


def test_precision_of_all_detections_counts_those_that_are_not_on_objects() -> None:
    (table,) = tabulate(study([run(17, "ffmm")]))
    (row,) = table.rows
    assert (row.precision.value, row.precision_all.value) == (1, 2 / 19)
    assert row.precision_all.low < 2 / 19 < row.precision_all.high
    scored = replace(run(17, "ffmm").scores[0.9], detections=None)
    (table,) = tabulate(study([replace(run(17, "ffmm"), scores={0.9: scored})]))
    assert table.rows[0].precision_all.value == 2 / 19
    assert "may be too narrow" in " ".join(notes(table))


def test_runs_on_different_objects_are_refused() -> None:
    with pytest.raises(UserError, match=r"Runs run1 and run2 were scored on different objects: .* region 0 of 1.jpg"):
        tabulate(study([run(1, "ff"), run(2, "fff", seed=2)]))
