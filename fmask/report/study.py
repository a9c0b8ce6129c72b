"""The page of a study: its tables, its figure and its runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fmask.evaluation.outcomes import Rate
from fmask.report.charts import as_svg
from fmask.report.render import render
from fmask.studies import Study, StudyRun, StudyTable, as_rich, draw
from fmask.studies.choice import common_objects, test_data
from fmask.studies.counts import count
from fmask.studies.folds import pool_folds
from fmask.studies.notes import notes


@dataclass(frozen=True)
class _Table:
    """A table as the page shows it."""

    title: str
    headers: list[tuple[str, str]]
    """The header of each column, and "left" or "right"."""
    rows: list[tuple[str, ...]]
    notes: list[str]


@dataclass(frozen=True)
class _RunRow:
    """A run of the study, scored at the confidence of its table."""

    run: StudyRun
    data: str
    """The test data or its folds, as `name@digest`; empty if the run did not log it."""
    confidence: float | None
    """None if the run was not scored."""
    counts: list[int]
    """Numbers of found, wrongly found, missed and spurious; empty if the run was not scored."""
    rates: list[Rate]
    """Accuracy, the study's precision and the precision of all detections; empty if the run was not scored."""


def study_page(tables: Sequence[StudyTable], study: Study) -> str:
    """Return the HTML page of a study: its tables, and all its runs, including those left out of the tables."""
    description = "Accuracy of each row of the table with its 95 % interval" + (
        " and the published accuracy." if any(row.published for table in tables for row in table.rows) else "."
    )
    confidences = {table.data: table.confidence for table in reversed(tables)}
    shown = [_tables(table) for table in tables]
    return render(
        "study.html",
        study=study.name,
        titles=[first.title for first, *_ in shown],
        tables=[each for several in shown for each in several],
        figure=as_svg(draw(tables), "study", description),
        runs=[_run_row(run, confidences) for run in study.runs],
    )


def _tables(table: StudyTable) -> list[_Table]:
    """Return the table and that of average precision; the last one has the notes."""
    shown = []
    for printed in as_rich(table):
        columns = [(str(each.header), each.justify, [str(cell) for cell in each.cells]) for each in printed.columns]
        headers: list[tuple[str, str]] = [(header, justify) for header, justify, _ in columns]
        shown.append(_Table(str(printed.title), headers, list(zip(*(cells for *_, cells in columns), strict=True)), []))
    shown[-1] = replace(shown[-1], notes=notes(table))
    return shown


def _run_row(run: StudyRun, confidences: dict[str, float]) -> _RunRow:
    data = test_data(run)
    confidence = confidences.get(data, run.min_confidence)
    if confidence not in run.scores:
        return _RunRow(run, data, None, [], [])
    alone = pool_folds([run], confidence)
    counts = count([alone], common_objects([alone]))
    numbers = [int(each.sum()) for each in (counts.found, counts.wrong, counts.missed)]
    rates = [counts.accuracy, counts.precision, counts.precision_all]
    return _RunRow(run, data, confidence, [*numbers, counts.spurious], rates)
