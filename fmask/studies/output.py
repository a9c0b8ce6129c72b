"""The table of a study for the terminal, as Markdown and as CSV."""

import csv
import io
import re
from math import isnan

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fmask.evaluation.outcomes import Rate
from fmask.studies.table import NOT_SET, Comparison, Row, StudyTable

MAX_VALUE_LENGTH = 32
"""Longest value of a setting, in characters, that is shown in full."""


def show(table: StudyTable, console: Console) -> None:
    """Print the table and its notes.

    The table is printed at its full width: a terminal that is too narrow wraps its lines and hides no number.
    """
    rich_table = as_rich(table)
    width = console.width
    console.width = max(width, console.measure(rich_table, options=console.options.update(width=10_000)).maximum)
    console.print(rich_table)
    console.width = width
    for note in notes(table):
        console.print(Text(f"- {note}"))


def as_rich(table: StudyTable) -> Table:
    """Return the table for the terminal, with intervals on a second line."""
    rich_table = Table(title=_title(table), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in _headers(table):
        is_text = header in table.columns or header.startswith("against")
        rich_table.add_column(Text(header), justify="left" if is_text else "right")
    for row in table.rows:
        rich_table.add_row(*map(Text, _cells(table, row)))
    return rich_table


def as_markdown(table: StudyTable) -> str:
    """Return the table as a Markdown table, with its notes as a list."""

    def line(cells: list[str]) -> str:
        # Cells contain line breaks for the terminal, after a slash or in place of a space.
        whole = (re.sub(r"(?<=/)\n", "", cell).replace("\n", " ").replace("|", "\\|") for cell in cells)
        return "| " + " | ".join(whole) + " |"

    headers = _headers(table)
    rule = ["---" if header in table.columns or header.startswith("against") else "---:" for header in headers]
    rows = [line(_cells(table, row)) for row in table.rows]
    listed = [f"- {note}" for note in notes(table)]
    return "\n".join([f"**{_title(table)}**", "", line(headers), line(rule), *rows, "", *listed]) + "\n"


def as_csv(table: StudyTable) -> str:
    """Return the table as CSV, one line for each row: numbers at full precision, undefined values empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for row in table.rows:
        record = _record(table, row)
        if row.number == 1:
            lines.writerow(record)
        lines.writerow("" if isinstance(value, float) and isnan(value) else value for value in record.values())
    return text.getvalue()


def notes(table: StudyTable) -> list[str]:
    """Return the notes that explain the table, one or two sentences each."""
    several_runs = max(row.runs for row in table.rows) > 1
    sentences = [
        f"{table.objects} objects in {table.photos} test photos ({table.data}), counted as in the published study. "
        f"Detections with a score below {table.confidence:g} are ignored. Counts are sums over runs."
    ]
    if several_runs:
        sentences.append(
            "In parentheses: 95 % Wilson intervals for other objects and other seeds. Several runs on the same objects "
            "count as fewer trials than the same number of different objects, by the design effect of crossed objects "
            "and runs."
        )
    else:
        sentences.append("In parentheses: 95 % Wilson intervals for other objects.")
    if len(table.rows) > 1:
        sentences.append(
            f"p: exact sign-flip test of found or not found, paired by object{'' if several_runs else ' (McNemar)'}, "
            f"against row {table.baseline}, Holm-adjusted for {len(table.rows) - 1} "
            f"comparison{'s' * (len(table.rows) > 2)}. It compares these trained networks: another seed of the same "
            "setting may give a different result."
        )
    if table.recipe:
        sentences.append(f"All rows: recipe={table.recipe}.")
    if any(row.published for row in table.rows):
        sentences.append(
            "Published: accuracy, precision of each training of the published study (ResNet-50, COCO weights, "
            "confidence 0.9) with the row's aug, steps, val_steps and schedule; backbone and weights may differ."
        )
    if table.implied:
        sentences.append(f"Also different, because of the recipe or the schedule: {', '.join(table.implied)}.")
    if table.left_out:
        reasons = ", ".join(f"{count} {why}" for why, count in table.left_out.items())
        sentences.append(f"Runs left out: {reasons}.")
    return sentences


def label(table: StudyTable, row: Row) -> str:
    """Return a row's settings as `name=value` pairs, or the study's name if no setting differs between rows."""
    settings = zip(table.columns, row.settings, strict=True)
    pairs = (f"{name}={_short(value)}" for name, value in settings if value != NOT_SET)
    return " ".join(pairs) or table.study


def _title(table: StudyTable) -> str:
    return f"{table.study}: {sum(row.runs for row in table.rows)} runs, confidence {table.confidence:g}"


def _headers(table: StudyTable) -> list[str]:
    headers = ["#", *table.columns, "runs", "found/\nwrong/\nmissed/\nspurious", "accuracy", "precision"]
    headers += ["val mask\nAP50", "CPU s"]
    if any(row.published for row in table.rows):
        headers += ["published\naccuracy,\nprecision"]
    if len(table.rows) > 1:
        headers += [f"against row {table.baseline}"]
    return headers


def _cells(table: StudyTable, row: Row) -> list[str]:
    cells = [str(row.number), *map(_short, row.settings), str(row.runs)]
    cells += ["/".join(str(count) for count in (row.found, row.wrong, row.missed, row.spurious))]
    cells += [_rate(row.accuracy), _rate(row.precision), _average_precision(row)]
    cells += ["-" if isnan(row.cpu_seconds) else f"{row.cpu_seconds:.0f}"]
    if any(each.published for each in table.rows):
        cells += [";\n".join(f"{each.accuracy:.2f}, {each.precision:.2f}" for each in row.published)]
    if len(table.rows) > 1:
        cells += [_verdict(row.comparison) if row.comparison else "baseline"]
    return cells


def _rate(rate: Rate) -> str:
    return "-" if isnan(rate.value) else f"{rate.value:.2f}\n({rate.low:.2f}-{rate.high:.2f})"


def _average_precision(row: Row) -> str:
    if isnan(row.val_mask_ap50):
        return "-"
    spread = "" if isnan(row.val_mask_ap50_sd) else f"\n± {row.val_mask_ap50_sd:.2f}"
    return f"{row.val_mask_ap50:.2f}{spread}"


def _verdict(comparison: Comparison) -> str:
    p = "p < 0.001" if comparison.adjusted_p < 0.001 else f"p = {comparison.adjusted_p:.3f}"
    return f"{comparison.difference:+.2f} {comparison.verdict}\n{p}"


def _short(value: str) -> str:
    return value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 1] + "…"


def _record(table: StudyTable, row: Row) -> dict[str, object]:
    record: dict[str, object] = {"row": row.number}
    record |= dict(zip(table.columns, row.settings, strict=True))
    for name in ("runs", "found", "wrong", "missed", "spurious"):
        record[name] = getattr(row, name)
    for name in ("accuracy", "precision"):
        interval: Rate = getattr(row, name)
        record |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    for name in ("val_mask_ap50", "val_mask_ap50_sd", "cpu_seconds"):
        record[name] = getattr(row, name)
    record["published_rows"] = " ".join(each.row for each in row.published)
    for name in ("accuracy", "precision"):
        record[f"published_{name}"] = " ".join(str(getattr(each, name)) for each in row.published)
    compared = row.comparison
    record["difference"] = compared.difference if compared else ""
    record["p"] = compared.p if compared else ""
    record["p_holm"] = compared.adjusted_p if compared else ""
    record["verdict"] = compared.verdict if compared else "baseline"
    return record
