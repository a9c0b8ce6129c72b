"""The page of a study: its table, its figure and its runs."""

from dataclasses import dataclass

from fmask.evaluation.outcomes import Outcome, Rate
from fmask.report.charts import as_svg
from fmask.report.render import render
from fmask.studies import Study, StudyRun, StudyTable, as_rich, draw
from fmask.studies.output import notes


@dataclass(frozen=True)
class _RunRow:
    """A run of the study, scored at the confidence of the table."""

    run: StudyRun
    counts: list[int]
    """Numbers of found, wrongly found, missed and spurious; empty if the run was not scored."""
    accuracy: Rate | None


def study_page(table: StudyTable, study: Study) -> str:
    """Return the HTML page of a study: its table, and all its runs, including those left out of the table."""
    printed = as_rich(table)
    columns = [(str(column.header), column.justify, [str(cell) for cell in column.cells]) for column in printed.columns]
    description = "Accuracy of each row of the table with its 95 % interval" + (
        " and the published accuracy." if any(row.published for row in table.rows) else "."
    )
    return render(
        "study.html",
        table=table,
        title=str(printed.title),
        headers=[(header, justify) for header, justify, _ in columns],
        rows=list(zip(*(cells for *_, cells in columns), strict=True)),
        notes=notes(table),
        figure=as_svg(draw(table), "study", description),
        runs=[_run_row(run, table.confidence) for run in study.runs],
    )


def _run_row(run: StudyRun, confidence: float) -> _RunRow:
    if confidence not in run.scores:
        return _RunRow(run, [], None)
    scored = run.scores[confidence]
    outcomes = list(scored.outcomes.values())
    counts = [outcomes.count(outcome) for outcome in Outcome]
    return _RunRow(run, [*counts, scored.spurious], Rate.of(counts[0], len(outcomes)))
