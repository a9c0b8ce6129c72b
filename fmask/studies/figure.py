"""The figure of a study: the accuracy of each row with its interval, beside the published results."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fmask.evaluation.outcomes import Rate
from fmask.studies.output import label
from fmask.studies.table import Row, StudyTable
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write
from fmask.visualization.literal import literal
from fmask.visualization.palette import ACCENT_COLOUR

if TYPE_CHECKING:  # `fmask table` imports Matplotlib only for --figure
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT = 0.45  # inches
TITLE_ABOVE_LEGEND = 20.0  # points


def draw(tables: Sequence[StudyTable]) -> "Figure":
    """Draw the accuracy of each row with its 95 % interval: a panel for each table, with its first row at the top.

    Diamonds are the results of the published study. Rows with a single run are hollow: their interval is not for other
    seeds. The counts are on the right, in bold if the row is better or worse than the baseline.
    """
    from matplotlib.figure import Figure

    longest = max(len(_label(table, row)) for table in tables for row in table.rows)
    heights = [1.3 + ROW_HEIGHT * len(table.rows) for table in tables]
    figure = Figure(figsize=(5.6 + 0.075 * longest, sum(heights)), layout="constrained")
    panels = figure.subplots(len(tables), squeeze=False, height_ratios=heights)[:, 0]
    for table, axes in zip(tables, panels, strict=True):
        _draw_table(table, axes)
        if len(tables) > 1:
            above = TITLE_ABOVE_LEGEND if axes.get_legend() else None
            axes.set_title(literal(table.data), loc="left", fontsize=9, pad=above)
    return figure


def _label(table: StudyTable, row: Row) -> str:
    return literal(f"{row.number}: {label(table, row)}")


def _draw_table(table: StudyTable, axes: "Axes") -> None:
    has_published = any(row.published for row in table.rows)
    different = [row.number for row in table.rows if row.comparison and row.comparison.verdict in ("better", "worse")]
    several = len(table.rows) > 1
    if several:
        baseline = table.rows[table.baseline - 1].accuracy.value
        axes.axvline(baseline, color="0.75", linewidth=1, zorder=0, label=f"row {table.baseline}")
    for y, row in enumerate(table.rows):
        own = y - 0.22 * has_published
        axes.plot([row.accuracy.low, row.accuracy.high], [own, own], "-", color="black", linewidth=1.6)
        name, face = "this study" if not y else "", "white" if row.runs == 1 else "black"
        axes.plot(row.accuracy.value, own, "o", color="black", mfc=face, markersize=6.5, clip_on=False, label=name)
        for nth, published in enumerate(row.published):
            interval = Rate.of(published.found, published.objects)
            beside = y + 0.08 + 0.2 * nth
            axes.plot([interval.low, interval.high], [beside, beside], "-", color=ACCENT_COLOUR, linewidth=0.8)
            axes.plot(published.accuracy, beside, "D", color=ACCENT_COLOUR, markersize=4.5, clip_on=False)
        text = f"{row.found} of {row.found + row.wrong + row.missed}"
        weight = "bold" if row.number in different else "normal"
        axes.text(1.02, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9, fontweight=weight)
    if has_published:
        axes.plot([], [], "D-", color=ACCENT_COLOUR, markersize=4.5, linewidth=0.8, label="published, each training")
    if has_published or several:
        axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    meaning = f"accuracy at confidence {table.confidence:g}: found / all test objects, 95 % interval"
    if any(row.runs == 1 for row in table.rows):
        meaning += "\nhollow: one seed, interval not for other seeds"
    if different:
        meaning += f"\nbold: differs from row {table.baseline}"
    axes.set_yticks(range(len(table.rows)), [_label(table, row) for row in table.rows])
    axes.set(xlim=(0, 1), ylim=(len(table.rows) - 0.5, -0.5), xlabel=meaning)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def save(figure: "Figure", file: Path) -> None:
    """Write a figure to a file, atomically, in the format of the file's suffix.

    Raises:
        UserError: Matplotlib does not support the suffix, or the file cannot be written.
    """
    known = figure.canvas.get_supported_filetypes()
    kind = file.suffix.removeprefix(".").lower()
    if kind not in known:
        raise UserError(f"{file}: the name of a figure must end in one of .{', .'.join(sorted(known))}.")
    with atomic_write(file) as draft:
        figure.savefig(draft, format=kind, dpi=150)
