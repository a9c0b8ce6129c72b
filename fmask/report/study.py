"""The page of a study: its tables, its figure and its runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from fmask.evaluation.outcomes import Rate
from fmask.report.charts import as_svg
from fmask.report.render import render
from fmask.studies import Study, StudyRun, StudyTable, as_rich, draw
from fmask.studies.choice import common_objects
from fmask.studies.counts import count
from fmask.studies.output import notes


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
    """The test data, as `name@digest`; empty if the run did not log it."""
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
    return render(
        "study.html",
        study=study.name,
        tables=list(map(_table, tables)),
        figure=as_svg(draw(tables), "study", description),
        runs=[_run_row(run, confidences) for run in study.runs],
    )


def _table(table: StudyTable) -> _Table:
    printed = as_rich(table)
    columns = [(str(column.header), column.justify, [str(cell) for cell in column.cells]) for column in printed.columns]
    return _Table(
        title=str(printed.title),
        headers=[(header, justify) for header, justify, _ in columns],
        rows=list(zip(*(cells for *_, cells in columns), strict=True)),
        notes=notes(table),
    )


def _run_row(run: StudyRun, confidences: dict[str, float]) -> _RunRow:
    data = run.data.get("test", "")
    confidence = confidences.get(data, run.min_confidence)
    if confidence not in run.scores:
        return _RunRow(run, data, None, [], [])
    counts = count([run.scores[confidence]], common_objects([run], confidence))
    numbers = [int(each.sum()) for each in (counts.found, counts.wrong, counts.missed)]
    rates = [counts.accuracy, counts.precision, counts.precision_all]
    return _RunRow(run, data, confidence, [*numbers, counts.spurious], rates)
