"""The table of a sweep's results, for the terminal and as Markdown and CSV, and its figure."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from fmask.sweeping.job import JobResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {"test/precision": "test/precision (study)", "test/precision_all": "test/precision (all)"}
"""What tables call metrics of these names: the study's precision ignores spurious detections."""
COUNTED = "Detections count if they score at least the min_confidence of their run."
"""What the counts and rates of a sweep's table mean."""


@dataclass(frozen=True)
class Row:
    """A job in the table."""

    number: int | None
    """The job's number in its sweep; None if it ran in an earlier sweep."""
    varied: Mapping[str, str]
    """Keys and values of the overrides that the sweep varies."""
    result: JobResult


def cells(rows: Sequence[Row], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return the table's header and its rows.

    The columns are the job's number, the varied keys, the status, those of `metrics` that any job has, and the error,
    if any job has one.
    """
    varied = list(dict.fromkeys(key for row in rows for key in row.varied))
    known = [name for name in metrics if any(name in row.result.metrics for row in rows)]
    errors = ["error"] if any(row.result.error for row in rows) else []
    header = ["job", *varied, "status", *known, *errors]
    lines = [
        [
            _job(row),
            *(row.varied.get(key, "") for key in varied),
            row.result.status,
            *(_number(row.result.metrics.get(name)) for name in known),
            *(row.result.error for _ in errors),
        ]
        for row in rows
    ]
    return header, lines


def as_rich(rows: Sequence[Row], metrics: Sequence[str], title: str) -> Table:
    """Return the table for the terminal, without errors: they are long, and the sweep lists them after the table."""
    header, lines = cells(rows, metrics)
    if header[-1] == "error":
        header, lines = header[:-1], [line[:-1] for line in lines]
    table = Table(title=f"{title}. {COUNTED}", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for index, name in enumerate(header):
        words = TITLES.get(name, name).replace("_", " ")
        words = words.replace("/", " ") if name in metrics else words
        justify: Literal["left", "right"] = "right" if name in metrics or name == "job" else "left"
        # Words are not broken, except values of more than 20 characters.
        longest = max(map(len, [*words.split(), *(line[index] for line in lines)]))
        table.add_column(words, justify=justify, overflow="fold", min_width=min(longest, 20))
    for line in lines:
        table.add_row(*line)
    return table


def print_whole(table: Table, console: Console) -> None:
    """Print a table with all its columns, even if they are wider than the terminal."""
    size = console.measure(table, options=console.options.update(max_width=1000))
    console.print(table, width=size.maximum if size.maximum <= console.width else size.minimum, crop=False)


def as_markdown(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """Return the table as Markdown."""
    header, lines = cells(rows, metrics)
    rule = ["---"] * len(header)
    escaped = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    titles = [TITLES.get(name, name) for name in header]
    return "".join(f"| {' | '.join(line)} |\n" for line in (titles, rule, *escaped)) + f"\n{COUNTED}\n"


def as_csv(rows: Sequence[Row], metrics: Sequence[str]) -> str:
    """Return the table as CSV."""
    text = io.StringIO()
    header, lines = cells(rows, metrics)
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue()


def comparison(rows: Sequence[Row], metrics: Sequence[str]) -> "Figure | None":
    """Return bar charts of the results: a panel for each of `metrics` that any job has, with a bar for each job.

    Returns:
        The figure, or None if no job has any of the metrics.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    known = [name for name in metrics if any(name in row.result.metrics for row in rows)]
    if not known:
        return None
    labels = [f"{_job(row)}  {' '.join(f'{key}={value}' for key, value in row.varied.items())}" for row in rows]
    columns = min(4, len(known))
    lines = -(-len(known) // columns)
    size = (3 + 2.6 * columns, lines * (1 + 0.3 * len(rows)))
    figure = Figure(figsize=size, layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False, sharey=True).flat)
    for axes, name in zip(panels, known, strict=False):
        values = [row.result.metrics.get(name, 0.0) for row in rows]
        values = [value if math.isfinite(value) else 0.0 for value in values]  # only the label shows NaN and infinity
        bars = axes.barh(range(len(rows)), values, color="#0072B2")
        axes.bar_label(bars, [_number(row.result.metrics.get(name)) for row in rows], padding=2, fontsize=8)
        axes.set_title(TITLES.get(name, name), fontsize=10)
        axes.tick_params(labelsize=8)
        if min(values) >= 0:
            axes.set_xlim(0, 1.25 * max(values) or 1)
        else:
            axes.margins(x=0.25)
        if all(float(value).is_integer() for value in values):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(range(len(rows)), labels)
    panels[0].invert_yaxis()
    for axes in panels[len(known) :]:
        axes.set_axis_off()
    return figure


def _job(row: Row) -> str:
    return "-" if row.number is None else str(row.number)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value.is_integer() else f"{value:.4g}"
