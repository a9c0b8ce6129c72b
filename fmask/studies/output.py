"""The tables of a study for the terminal, as Markdown and as CSV."""

import csv
import io
import re
from collections.abc import Sequence
from math import isnan

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fmask.evaluation.outcomes import Rate
from fmask.studies.average_precision import AP, AP50
from fmask.studies.comparison import EQUIVALENT, ONE_SEED, Comparison
from fmask.studies.notes import MARK, notes, title
from fmask.studies.table import NOT_SET, Row, StudyTable

PRECISION_TITLE = "Average precision of masks in the test photos"
MAX_VALUE_LENGTH = 32
"""Longest value of a setting, in characters, that is shown in full."""


def show(tables: Sequence[StudyTable], console: Console) -> None:
    """Print each table and its notes.

    A table is printed at its full width: a terminal that is too narrow wraps its lines and hides no number.
    """
    width = console.width
    for table in tables:
        for rich_table in as_rich(table):
            wide = console.options.update(width=10_000)
            console.width = max(width, console.measure(rich_table, options=wide).maximum)
            console.print(rich_table)
            console.width = width
        for note in notes(table):
            console.print(Text(f"- {note}"))


def as_rich(table: StudyTable) -> list[Table]:
    """Return one table for the terminal, and one of average precision if the runs have logged what it needs.

    Intervals are on a second line.
    """
    return [_rich(table, title(table), _headers(table), [_cells(table, row) for row in table.rows])] + [
        _rich(table, PRECISION_TITLE, headers, cells) for headers, cells in _precision_table(table)
    ]


def _rich(table: StudyTable, name: str, headers: list[str], rows: list[list[str]]) -> Table:
    rich_table = Table(title=name, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in headers:
        rich_table.add_column(Text(header), justify="left" if _is_text(table, header) else "right")
    for cells in rows:
        rich_table.add_row(*map(Text, cells))
    return rich_table


def as_markdown(tables: Sequence[StudyTable]) -> str:
    """Return the tables as Markdown, the notes of each as a list below it."""
    return "\n".join(map(_markdown, tables))


def as_csv(tables: Sequence[StudyTable]) -> str:
    """Return the tables as CSV, one line for each row: numbers at full precision, undefined values empty."""
    records = [_record(table, row) for table in tables for row in table.rows]
    header: list[str] = []
    for record in records:  # a column of one table alone stays beside its neighbours
        for nth, name in enumerate(names := list(record)):
            if name not in header:
                header.insert(header.index(names[nth - 1]) + 1 if nth else 0, name)
    text = io.StringIO()
    lines = csv.DictWriter(text, header, restval="", lineterminator="\n")
    lines.writeheader()
    for record in records:
        undefined = {name: "" for name, value in record.items() if isinstance(value, float) and isnan(value)}
        lines.writerow(record | undefined)
    return text.getvalue()


def label(table: StudyTable, row: Row) -> str:
    """Return a row's settings as `name=value` pairs, or the study's name if no setting differs between rows."""
    settings = zip(table.columns, row.settings, strict=True)
    pairs = (f"{name}={_short(value)}" for name, value in settings if value != NOT_SET)
    return " ".join(pairs) or table.study


def _markdown(table: StudyTable) -> str:
    blocks = _markdown_table(table, title(table), _headers(table), [_cells(table, row) for row in table.rows])
    for headers, cells in _precision_table(table):
        blocks += _markdown_table(table, PRECISION_TITLE, headers, cells)
    return "\n".join([*blocks, *(f"- {note}" for note in notes(table))]) + "\n"


def _markdown_table(table: StudyTable, name: str, headers: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        # Cells contain line breaks for the terminal, after a slash or in place of a space.
        whole = (re.sub(r"(?<=/)\n", "", cell).replace("\n", " ").replace("|", "\\|") for cell in cells)
        return "| " + " | ".join(whole) + " |"

    rule = ["---" if _is_text(table, header) else "---:" for header in headers]
    return [f"**{name}**", "", line(headers), line(rule), *map(line, rows), ""]


def _is_text(table: StudyTable, header: str) -> bool:
    return header in table.columns or "against" in header


def _headers(table: StudyTable) -> list[str]:
    headers = ["#", *table.columns, "runs", "found/\nwrong/\nmissed/\nspurious", "accuracy"]
    headers += ["precision\n(study)", "precision\n(all)"]
    headers += ["val mask\nAP50", "CPU s"]
    if any(row.published for row in table.rows):
        headers += ["published\naccuracy,\nprecision"]
    if len(table.rows) > 1:
        headers += [f"against row {table.baseline}"]
    return headers


def _cells(table: StudyTable, row: Row) -> list[str]:
    cells = [str(row.number), *map(_short, row.settings), str(row.runs)]
    cells += ["/".join(str(count) for count in (row.found, row.wrong, row.missed, row.spurious))]
    mark = MARK if row.runs == 1 and any(each.runs > 1 for each in table.rows) else ""
    cells += [_rate(rate) + mark * (not isnan(rate.value)) for rate in (row.accuracy, row.precision, row.precision_all)]
    cells += [_average_precision(row)]
    cells += ["-" if isnan(row.cpu_seconds) else f"{row.cpu_seconds:.0f}"]
    if any(each.published for each in table.rows):
        cells += [";\n".join(f"{each.accuracy:.2f}, {each.precision:.2f}" for each in row.published)]
    if len(table.rows) > 1:
        cells += [_verdict(row.comparison) if row.comparison else "baseline"]
    return cells


def _precision_table(table: StudyTable) -> list[tuple[list[str], list[list[str]]]]:
    """Return the headers and cells of the table of average precision; nothing if no run has logged its matches."""
    names = list(dict.fromkeys(name for row in table.rows for name in row.precisions))
    if not names:
        return []
    titles = {AP: "mask AP", AP50: "mask AP50"}
    headers = ["#", *table.columns, *(titles.get(name, f"AP50\n{name.removeprefix(f'{AP50}_')}") for name in names)]
    tested = dict.fromkeys((AP50, AP, *([table.plan.reference.plan.content.score] if table.plan else [])))
    compared = [name for name in tested if any(name in row.precision_comparisons for row in table.rows)]
    headers += [f"{titles.get(name, name)}\nagainst row {table.baseline}" for name in compared]
    rows = []
    for row in table.rows:
        cells = [str(row.number), *map(_short, row.settings)]
        cells += [_rate(row.precisions[name]) if name in row.precisions else "-" for name in names]
        for name in compared:
            comparison = row.precision_comparisons.get(name)
            cells.append(_verdict(comparison) if comparison else "baseline")
        rows.append(cells)
    return [(headers, rows)]


def _rate(rate: Rate) -> str:
    if isnan(rate.value):
        return "-"
    return f"{rate.value:.2f}" + ("" if isnan(rate.low) else f"\n({rate.low:.2f}-{rate.high:.2f})")


def _average_precision(row: Row) -> str:
    if isnan(row.val_mask_ap50):
        return "-"
    spread = "" if isnan(row.val_mask_ap50_sd) else f"\n± {row.val_mask_ap50_sd:.2f}"
    return f"{row.val_mask_ap50:.2f}{spread}"


def _verdict(comparison: Comparison) -> str:
    planned = {None: "", True: "\nplanned", False: "\nnot planned"}[comparison.planned]
    if comparison.verdict == ONE_SEED:
        return f"{comparison.difference:+.2f} {ONE_SEED}{planned}"
    p_value = comparison.equivalence_p if comparison.verdict == EQUIVALENT else comparison.adjusted_p
    p = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    return f"{comparison.difference:+.2f} {comparison.verdict}\n{p}{planned}"


def _short(value: str) -> str:
    return value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 1] + "…"


def _record(table: StudyTable, row: Row) -> dict[str, object]:
    record: dict[str, object] = {"test_data": table.data, "confidence": table.confidence, "row": row.number}
    record |= dict(zip(table.columns, row.settings, strict=True))
    for name in ("runs", "seeds", "found", "wrong", "missed", "spurious"):
        record[name] = getattr(row, name)
    for name in ("accuracy", "precision", "precision_all"):
        interval: Rate = getattr(row, name)
        record |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    for name in ("val_mask_ap50", "val_mask_ap50_sd", "cpu_seconds"):
        record[name] = getattr(row, name)
    record["published_rows"] = " ".join(each.row for each in row.published)
    for name in ("accuracy", "precision"):
        record[f"published_{name}"] = " ".join(str(getattr(each, name)) for each in row.published)
    compared = row.comparison
    record |= _comparison(compared, "")
    for name, rate in row.precisions.items():
        record |= {name: rate.value, f"{name}_low": rate.low, f"{name}_high": rate.high}
        record |= _comparison(row.precision_comparisons.get(name), f"{name}_")
    return record


def _comparison(compared: Comparison | None, prefix: str) -> dict[str, object]:
    """Return the columns of a comparison, empty for the baseline."""
    names = ["difference", "difference_low", "difference_high", "p", "p_holm", "p_equivalent", "detectable", "verdict"]
    if compared is None:
        empty: dict[str, object] = dict.fromkeys((f"{prefix}{name}" for name in names), "")
        return empty | {f"{prefix}verdict": "baseline"}
    values: tuple[object, ...] = (
        *(compared.difference, compared.low, compared.high, compared.p, compared.adjusted_p, compared.equivalence_p),
        *(compared.detectable, compared.verdict),
    )
    if compared.planned is not None:
        names, values = [*names, "planned"], (*values, "yes" if compared.planned else "no")
    return {f"{prefix}{name}": value for name, value in zip(names, values, strict=True)}
