"""Write the measured rows as a table and a figure."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

COLUMNS = {
    "name": ("", "{}"),
    "cpu_s": ("CPU s", "{:.3g}"),
    "wall_s": ("wall s", "{:.3g}"),
    "images_per_s": ("images per s", "{:.1f}"),
    "peak_gflops": ("peak, GFLOP/s", "{:.0f}"),
    "peak_gflop": ("peak GFLOP", "{:.1f}"),
    "gflop": ("network GFLOP", "{:.1f}"),
    "share": ("share of the fp32 floor", "{:.0%}"),
    "of_ten_minutes": ("of ten minutes", "{:.1%}"),
    "first_s": ("first step, s", "{:.1f}"),
    "memory_gb": ("memory, GB", "{:.2f}"),
    "own_memory_gb": ("without libraries", "{:.2f}"),
}
TITLES = {
    "step": "Training step, per image",
    "detection": "Detection, per photo with two objects",
    "input": "Input pipeline alone, per image",
    "answer": "Time to the help or an error message",
    "start": "Time to the first step",
    "overhead": "Overhead of MLflow and Hydra",
}

LARGEST_BAR = 200
"""Peak GFLOP from which rows are left out of the figure."""


def write(results: pd.DataFrame, folder: Path) -> None:
    """Write results.csv, results.md and results.png to `folder`."""
    results.to_csv(folder / "results.csv", index=False, float_format="%.6g")
    parts = [*_machines(results), *(_part(title, results[results.kind == kind]) for kind, title in TITLES.items())]
    (folder / "results.md").write_text("\n\n".join(part for part in parts if part) + "\n")
    draw(results).savefig(folder / "results.png", dpi=120)


def _machines(results: pd.DataFrame) -> list[str]:
    """Describe each machine, and its load before the measurements."""
    return [
        f"{machine}, load {rows.load.min():.1f} to {rows.load.max():.1f} at the start"
        for machine, rows in results.groupby("machine", sort=False)
    ]


def _part(title: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    shown = [key for key in COLUMNS if key in rows and rows[key].notna().any()]
    lines = [[COLUMNS[key][0] for key in shown], ["---"] * len(shown)]
    lines += [
        ["" if pd.isna(row[key]) else COLUMNS[key][1].format(row[key]) for key in shown] for _, row in rows.iterrows()
    ]
    return "\n".join([f"**{title}**", "", *("| " + " | ".join(line) + " |" for line in lines)])


def draw(results: pd.DataFrame) -> Figure:
    """Draw the cost of steps and detections in peak GFLOP, and the operations of the network in it.

    Large images are only in the table, because their bars would hide the differences between the others.
    """
    rows = results[results.kind.isin(["step", "detection"]) & (results.peak_gflop < LARGEST_BAR)].iloc[::-1]
    figure = Figure(figsize=(9, 0.32 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = ["tab:orange" if "torchvision" in name else "tab:blue" for name in rows.name]
    labels = [
        f"{'detect' if kind == 'detection' else 'train'}: {name}"
        for kind, name in zip(rows.kind, rows.name, strict=True)
    ]
    axes.barh(labels, rows.peak_gflop, color=colours, alpha=0.45)
    axes.barh(labels, rows.gflop.fillna(0), height=0.3, color=colours)
    for place, (took, work) in enumerate(zip(rows.peak_gflop, rows.gflop, strict=True)):
        axes.text(max(took, work if work > 0 else 0) + 0.8, place, f"{took:.0f}", va="center", fontsize=8)
    figure.supxlabel(
        "CPU seconds per image x GFLOP/s of a float32 product on one thread; dark: operations of the network",
        fontsize=9,
    )
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.06, y=0.01)
    return figure
