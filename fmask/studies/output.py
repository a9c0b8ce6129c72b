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
from fmask.studies.table import NOT_SET, ONE_SEED, Comparison, Row, StudyTable

MAX_VALUE_LENGTH = 32
"""Longest value of a setting, in characters, that is shown in full."""
MARK = "*"
"""Beside the intervals of a row with a single run, in a table with rows of several."""
UNKNOWN_DETECTIONS = (
    " The file of the runs does not say in which photo each spurious detection is, nor how many detections an object "
    "found wrongly has: each counts as a detection in a photo of its own, so that the interval may be too narrow."
)


def show(tables: Sequence[StudyTable], console: Console) -> None:
    """Print each table and its notes.

    A table is printed at its full width: a terminal that is too narrow wraps its lines and hides no number.
    """
    width = console.width
    for table in tables:
        rich_table = as_rich(table)
        console.width = max(width, console.measure(rich_table, options=console.options.update(width=10_000)).maximum)
        console.print(rich_table)
        console.width = width
        for note in notes(table):
            console.print(Text(f"- {note}"))


def as_rich(table: StudyTable) -> Table:
    """Return one table for the terminal, with intervals on a second line."""
    rich_table = Table(title=title(table), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in _headers(table):
        is_text = header in table.columns or header.startswith("against")
        rich_table.add_column(Text(header), justify="left" if is_text else "right")
    for row in table.rows:
        rich_table.add_row(*map(Text, _cells(table, row)))
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


def title(table: StudyTable) -> str:
    """Return the first line of a table: study, number of runs, test data and confidence."""
    runs = sum(row.runs for row in table.rows)
    return f"{table.study}: {runs} run{'s' * (runs > 1)} on {table.data}, confidence {table.confidence:g}"


def notes(table: StudyTable) -> list[str]:
    """Return the notes that explain the table, one or two sentences each."""
    seeds = {row.runs > 1 for row in table.rows}
    sentences = [
        f"{table.objects} objects in {table.photos} test photos, counted as in the published study. Detections with a "
        f"score below {table.confidence:g} are ignored. Counts are sums over runs.",
        "Precision (study): found / (found + wrong), the published study's. Precision (all): found / all detections."
        + UNKNOWN_DETECTIONS * (not table.detections_known),
    ]
    if True in seeds:
        sentences.append("In parentheses: 95 % intervals for other photos and other seeds of the setting.")
    if False in seeds:
        star = f"{MARK}: one" if True in seeds else "In parentheses: 95 % intervals. Each row has a single"
        sentences.append(
            f"{star} seed, so the interval is for this trained network on other photos, not for other seeds."
        )
    if len(table.rows) > 1:
        sentences += _about_tests(table)
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


def _about_tests(table: StudyTable) -> list[str]:
    compared = [row.comparison for row in table.rows if row.comparison]
    tested = sum(each.verdict != ONE_SEED for each in compared)
    sentences = []
    if tested:
        sentences.append(
            f"p: t-test of the accuracy against row {table.baseline} for other photos and other seeds, paired by "
            f"photo, Holm-adjusted for {tested} comparison{'s' * (tested > 1)}."
        )
    if tested < len(compared):
        sentences.append(
            "One seed: this row or the row that it is compared with has a single run, which does not show how much "
            "seeds differ, so the difference is not tested."
        )
    return sentences


def _markdown(table: StudyTable) -> str:
    def line(cells: list[str]) -> str:
        # Cells contain line breaks for the terminal, after a slash or in place of a space.
        whole = (re.sub(r"(?<=/)\n", "", cell).replace("\n", " ").replace("|", "\\|") for cell in cells)
        return "| " + " | ".join(whole) + " |"

    headers = _headers(table)
    rule = ["---" if header in table.columns or header.startswith("against") else "---:" for header in headers]
    rows = [line(_cells(table, row)) for row in table.rows]
    listed = [f"- {note}" for note in notes(table)]
    return "\n".join([f"**{title(table)}**", "", line(headers), line(rule), *rows, "", *listed]) + "\n"


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


def _rate(rate: Rate) -> str:
    return "-" if isnan(rate.value) else f"{rate.value:.2f}\n({rate.low:.2f}-{rate.high:.2f})"


def _average_precision(row: Row) -> str:
    if isnan(row.val_mask_ap50):
        return "-"
    spread = "" if isnan(row.val_mask_ap50_sd) else f"\n± {row.val_mask_ap50_sd:.2f}"
    return f"{row.val_mask_ap50:.2f}{spread}"


def _verdict(comparison: Comparison) -> str:
    if comparison.verdict == ONE_SEED:
        return f"{comparison.difference:+.2f} {ONE_SEED}"
    p = "p < 0.001" if comparison.adjusted_p < 0.001 else f"p = {comparison.adjusted_p:.3f}"
    return f"{comparison.difference:+.2f} {comparison.verdict}\n{p}"


def _short(value: str) -> str:
    return value if len(value) <= MAX_VALUE_LENGTH else value[: MAX_VALUE_LENGTH - 1] + "…"


def _record(table: StudyTable, row: Row) -> dict[str, object]:
    record: dict[str, object] = {"test_data": table.data, "confidence": table.confidence, "row": row.number}
    record |= dict(zip(table.columns, row.settings, strict=True))
    for name in ("runs", "found", "wrong", "missed", "spurious"):
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
    record["difference"] = compared.difference if compared else ""
    record["p"] = compared.p if compared else ""
    record["p_holm"] = compared.adjusted_p if compared else ""
    record["verdict"] = compared.verdict if compared else "baseline"
    return record
