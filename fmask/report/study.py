"""The page of a study: its table, its figure, and its runs."""

from dataclasses import dataclass

from fmask.evaluation.outcomes import Outcome, Rate
from fmask.report.charts import as_svg
from fmask.report.render import render
from fmask.studies import Study, StudyRun, StudyTable, as_rich, draw
from fmask.studies.output import notes


@dataclass(frozen=True)
class _Line:
    """One run of the study at the table's confidence."""

    run: StudyRun
    counts: list[int]
    """Found, found wrongly, missed, spurious; none where it was not scored."""
    accuracy: Rate | None


def of_study(table: StudyTable, study: Study) -> str:
    """The page of a study's table and of all its runs, those that it leaves out too."""
    words = as_rich(table)
    columns = [(str(column.header), column.justify, [str(cell) for cell in column.cells]) for column in words.columns]
    about = "Accuracy of each row of the table with its 95 % interval" + (
        ", beside the published one." if any(row.published for row in table.rows) else "."
    )
    return render(
        "study.html",
        table=table,
        title=str(words.title),
        headers=[(header, justify) for header, justify, _ in columns],
        rows=list(zip(*(cells for *_, cells in columns), strict=True)),
        notes=notes(table),
        figure=as_svg(draw(table), "study", about),
        runs=[_line(run, table.confidence) for run in study.runs],
    )


def _line(run: StudyRun, confidence: float) -> _Line:
    if confidence not in run.scores:
        return _Line(run, [], None)
    scored = run.scores[confidence]
    fates = list(scored.outcomes.values())
    counts = [fates.count(outcome) for outcome in Outcome]
    return _Line(run, [*counts, scored.spurious], Rate.of(counts[0], len(fates)))
