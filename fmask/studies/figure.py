"""The figure of a study: the accuracy of each row with its interval, beside the published results."""

from pathlib import Path

from matplotlib.figure import Figure

from fmask.evaluation.outcomes import Rate
from fmask.studies.output import label
from fmask.studies.table import StudyTable
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write
from fmask.visualization.palette import ACCENT_COLOUR

ROW_HEIGHT = 0.45  # inches


def draw(table: StudyTable) -> Figure:
    """Draw the accuracy of each row with its 95 % interval, the first row at the top.

    Diamonds are the results of the published study. The counts are on the right, in bold if the row differs from the
    baseline (adjusted p-value below 0.05).
    """
    labels = [f"{row.number}: {label(table, row)}" for row in table.rows]
    has_published = any(row.published for row in table.rows)
    width = 5.6 + 0.075 * max(map(len, labels))
    figure = Figure(figsize=(width, 1.3 + ROW_HEIGHT * len(labels)), layout="constrained")
    axes = figure.subplots()
    different = [row.number for row in table.rows if row.comparison and row.comparison.verdict != "undecided"]
    baseline = table.rows[table.baseline - 1].accuracy.value
    if len(labels) > 1:
        axes.axvline(baseline, color="0.75", linewidth=1, zorder=0, label=f"row {table.baseline}")
    for y, row in enumerate(table.rows):
        own = y - 0.22 * has_published
        axes.plot([row.accuracy.low, row.accuracy.high], [own, own], "-", color="black", linewidth=1.6)
        name = "this study" if not y else ""
        axes.plot(row.accuracy.value, own, "o", color="black", markersize=6.5, clip_on=False, label=name)
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
    if has_published or len(labels) > 1:
        axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    meaning = "accuracy: found / all test objects, 95 % interval"
    if different:
        meaning += f"; bold: differs from row {table.baseline}"
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlim=(0, 1), ylim=(len(labels) - 0.5, -0.5), xlabel=meaning)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def save(figure: Figure, file: Path) -> None:
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
