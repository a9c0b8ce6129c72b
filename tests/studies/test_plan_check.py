"""Tables of planned studies: verdicts that were planned, the plan's family, missing runs, and every later change."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fmask.studies import Study, StudyTable, as_csv, as_markdown, merge, read_runs, tabulate, write_runs
from fmask.studies.notes import notes
from tests.helpers.fabricated import run
from tests.helpers.planned import LATE, frozen, planned_runs, planned_study


def table_of(study: Study, **choices: Any) -> StudyTable:
    return tabulate(study, **choices)[0]


def verdicts(table: StudyTable) -> dict[int, bool | None]:
    return {row.number: row.comparison.planned for row in table.rows if row.comparison}


def deviations(table: StudyTable) -> list[str]:
    """Return the notes that name changes and differences."""
    return [
        note for note in notes(table) if note.startswith(("Changed after", "Different from", "The plan was frozen"))
    ]


def test_a_study_that_was_run_as_planned() -> None:
    table = table_of(planned_study())
    assert verdicts(table) == {2: True, 3: True, 4: True}
    assert (table.confidence, table.margin, table.baseline) == (0.9, 0.05, 1)
    assert deviations(table) == []
    assert not any("missing" in note for note in notes(table))
    assert any("Does an augmenter help?" in note for note in notes(table))
    assert "better p < 0.001 planned" in as_markdown([table])
    assert as_csv([table]).splitlines()[0].count("planned") == 1


def test_a_study_without_a_plan_says_nothing_about_plans() -> None:
    table = table_of(Study("report", tuple(planned_runs())))
    assert set(verdicts(table).values()) == {None}
    assert "plan" not in as_markdown([table])
    assert "planned" not in as_csv([table])


def test_the_family_is_that_of_the_plan_with_missing_rows() -> None:
    """Planned rows count in Holm's method although their runs are missing; rows outside count all rows."""
    everything = table_of(planned_study())
    runs = [each for each in planned_runs() if each.params["aug"] not in ("clahe", "sharpen")]
    table = table_of(Study("report", tuple(runs), (frozen(),)))
    (blur,) = (row.comparison for row in table.rows if row.comparison)
    assert blur.adjusted_p == pytest.approx(3 * blur.p)
    assert (blur.planned, everything.rows[1].comparison and everything.rows[1].comparison.adjusted_p) == (
        True,
        pytest.approx(blur.adjusted_p),
    )
    alone = table_of(Study("report", tuple(runs), (frozen(family=("aug=blur",)),)))
    (blur,) = (row.comparison for row in alone.rows if row.comparison)
    assert blur.adjusted_p == pytest.approx(blur.p)
    outside = table_of(Study("report", tuple(planned_runs()), (frozen(family=("aug=blur",)),)))
    blur, clahe, sharpen = (row.comparison for row in outside.rows if row.comparison)
    assert (blur.planned, clahe.planned, sharpen.planned) == (True, False, False)
    assert blur.adjusted_p == pytest.approx(blur.p)
    assert sharpen.adjusted_p == pytest.approx(2 * sharpen.p), "the second of three rows of the table"


def test_the_alpha_is_that_of_the_plan() -> None:
    runs, names = planned_runs(), ("better", "undecided", "better")
    for alpha, expected in ((0.05, names), (1e-9, ("undecided",) * 3)):
        table = table_of(Study("report", tuple(runs), (frozen(alpha=alpha),)))
        assert tuple(row.comparison.verdict for row in table.rows if row.comparison) == expected


def test_missing_runs_are_named() -> None:
    runs = [each for each in planned_runs() if each.params["aug"] != "sharpen"]
    runs.remove(next(each for each in runs if each.params == {**each.params, "aug": "blur", "seed": "1"}))
    table = table_of(Study("report", tuple(runs), (frozen(),)))
    assert "3 of 8 planned runs are missing: aug=blur: seed 1; aug=sharpen: all." in notes(table)


def test_the_baseline_is_that_of_the_plan() -> None:
    table = table_of(Study("report", tuple(planned_runs()), (frozen(baseline="aug=clahe", family=("aug=blur",)),)))
    assert table.baseline == 3
    assert verdicts(table) == {1: False, 2: True, 4: False}


def amended(**values: Any) -> Callable[[Study], Study]:
    return lambda study: replace(study, plans=(*study.plans, frozen(LATE, **values)))


def rerun(number: int, **values: Any) -> Callable[[Study], Study]:
    """Return a change of the run with an index; `values` replace its params."""

    def changed(study: Study) -> Study:
        runs = list(study.runs)
        runs[number] = replace(runs[number], params={**runs[number].params, **values})
        return replace(study, runs=tuple(runs))

    return changed


def remade(number: int, **values: Any) -> Callable[[Study], Study]:
    def changed(study: Study) -> Study:
        runs = list(study.runs)
        runs[number] = replace(runs[number], made_with={**runs[number].made_with, **values})
        return replace(study, runs=tuple(runs))

    return changed


def with_run(**params: Any) -> Callable[[Study], Study]:
    return lambda study: replace(study, runs=(*study.runs, run(20, "f" * 32, **{"lr": 0.1, **params})))


def on_other_data(study: Study) -> Study:
    data = {**study.runs[0].data, "test": "photos@" + "dd" * 8}
    return replace(study, runs=tuple(replace(each, data=data) for each in study.runs))


ROWS = frozen().content.rows
CHANGES: list[tuple[str, Callable[[Study], Study], dict[str, Any], str]] = [
    ("question", amended(question="Does blur help?"), {}, "question: Does an augmenter help? → Does blur help?"),
    ("row added", amended(rows={**ROWS, "aug=x": {"aug": "x"}}), {}, "row added: aug=x"),
    ("row removed", amended(rows=dict(list(ROWS.items())[:3])), {}, "row removed: aug=sharpen"),
    ("row changed", amended(rows={**ROWS, "aug=blur": {"aug": "blur"}}), {}, "settings of row aug=blur: lr 0.1 → not"),
    (
        "rows changed",
        amended(rows={name: {**row, "lr": "1"} for name, row in ROWS.items()}),
        {},
        "all rows: lr 0.1 → 1",
    ),
    ("seeds", amended(seeds=(0, 1, 2)), {}, "seeds: 0, 1 → 0, 1, 2"),
    ("folds", amended(folds=5), {}, "folds: none → 5"),
    ("score", amended(score="mask_ap50"), {}, "score: accuracy → mask_ap50"),
    ("confidence", amended(confidence=0.5), {}, "confidence: 0.9 → 0.5"),
    ("margin", amended(margin=0.1), {}, "margin: 0.05 → 0.1"),
    ("alpha", amended(alpha=0.1), {}, "alpha: 0.05 → 0.1"),
    ("baseline", amended(baseline="aug=blur"), {}, "baseline: aug=none → aug=blur"),
    ("family", amended(family=("aug=blur",)), {}, "family: without aug=clahe; aug=sharpen"),
    ("objects", amended(objects=577), {}, "objects: 32 → 577"),
    ("budget", amended(budget=5.0), {}, "budget: 100.0 → 5.0"),
    ("pilot", amended(pilot="runs.csv"), {}, "pilot: none → runs.csv"),
    ("data", amended(data="photos@dd"), {}, "data: photos@cccccccccccccccc → photos@dd"),
    ("frozen late", lambda study: replace(study, plans=(frozen(LATE),)), {}, "frozen after the first run had started"),
    ("unplanned row", with_run(seed=0, aug="x"), {}, "row added: aug=none with aug none → x (1 run)"),
    ("settings of a run", rerun(3, lr="0.2"), {}, "settings of aug=blur: lr 0.1 → 0.2 (1 run)"),
    ("unplanned seed", with_run(seed=7, aug="blur"), {}, "seeds: 0, 1 → 7 too (1 run)"),
    ("data of the runs", on_other_data, {}, f"data: photos@{'cc' * 8} → photos@{'dd' * 8} (8 runs)"),
    ("commit", remade(3, **{"git commit": "d" * 40}), {}, f"git commit: {'c' * 12} → {'c' * 12} (7 runs), {'d' * 12}"),
    ("uncommitted", remade(3, **{"uncommitted changes": "true"}), {}, "changes: false → false (7 runs), true (1 run)"),
    ("packages", remade(3, Keras="3.11"), {}, "Keras: 3.10 (7 runs), 3.11 (1 run)"),
    ("table's confidence", lambda study: study, {"confidence": 0.5}, "confidence: 0.9 → 0.5"),
    ("table's margin", lambda study: study, {"margin": 0.2}, "margin: 0.05 → 0.2"),
    ("table's baseline", lambda study: study, {"baseline": 2}, "baseline: aug=none → aug=blur"),
]
"""Name, change of the study after its first run, choices of the table, and the words that name the change."""


@pytest.mark.parametrize(("name", "change", "choices", "words"), CHANGES, ids=[name for name, *_ in CHANGES])
def test_what_was_changed_after_the_first_run_is_named(
    name: str, change: Callable[[Study], Study], choices: dict[str, Any], words: str, tmp_path: Path
) -> None:
    study = change(planned_study())
    table = table_of(study, **choices)
    assert [words in note for note in deviations(table)].count(True) == 1, deviations(table)
    write_runs(study, tmp_path / "runs.csv")
    kept = read_runs(tmp_path / "runs.csv")
    assert kept == study
    assert deviations(table_of(kept, **choices)) == deviations(table)


@pytest.mark.parametrize("name", ["table's confidence", "table's margin", "table's baseline", "data of the runs"])
def test_no_verdict_is_planned_with_other_choices(name: str) -> None:
    (each,) = (each for each in CHANGES if each[0] == name)
    table = table_of(each[1](planned_study()), **each[2])
    assert set(verdicts(table).values()) == {False}
    assert "not planned" in as_markdown([table])


def test_a_plan_after_the_first_run_plans_nothing() -> None:
    late = replace(planned_study(), plans=(frozen(LATE),))
    assert set(verdicts(table_of(late)).values()) == {False}
    replaced = replace(planned_study(), plans=(frozen(margin=0.2), frozen(), frozen(LATE, margin=0.1)))
    table = table_of(replaced)
    assert (table.margin, set(verdicts(table).values())) == (0.05, {True}), "the last plan before the first run"
    assert deviations(table) == ["Changed after the first run had started, at 2026-01-02 00:00: margin: 0.05 → 0.1."]


def test_rows_and_seeds_outside_of_the_plan_are_found_afterwards() -> None:
    added = with_run(seed=0, aug="x")(with_run(seed=1, aug="x")(planned_study()))
    assert verdicts(table_of(added)) == {2: True, 3: True, 4: True, 5: False}
    more = with_run(seed=7, aug="blur")(planned_study())
    assert verdicts(table_of(more)) == {2: False, 3: True, 4: True}
    baseline = with_run(seed=7, aug="none")(planned_study())
    assert set(verdicts(table_of(baseline)).values()) == {False}, "each comparison has the added seed"


def test_the_plans_of_merged_studies_are_kept_once() -> None:
    study = planned_study(frozen(LATE, margin=0.1))
    assert merge([study, study]) == study
