"""Plot validation mask AP50 over CPU seconds: python experiments/time_to_accuracy/curves.py [STUDY ...]

The script plots curves.csv and prints a table. If studies are given, it first writes their MLflow runs to curves.csv.
"""

import sys
from pathlib import Path

import mlflow
import pandas as pd
from matplotlib.figure import Figure

from fmask import tracking

HERE = Path(__file__).parent
FILE = HERE / "curves.csv"
SETTINGS = ("epochs", "lr")
"""The settings in which the recipes differ."""
LEVELS = (0.60, 0.70)
PROTOTYPE = {0.60: 853, 0.70: 1849}
"""CPU seconds of a discarded prototype in another framework, on a processor of 92 GFLOP/s."""


def collect(studies: list[str]) -> pd.DataFrame:
    """Return a row for each score of each finished run: recipe, seed, epoch, cpu_seconds, val_mask_ap50."""
    mlflow.set_tracking_uri(tracking.tracking_uri())
    client = mlflow.MlflowClient()
    rows = []
    for run in (run for study in studies for run in tracking.find_runs(study) if "seed" in run.params):
        if run.status != "FINISHED":
            continue
        cpu_seconds = {metric.step: metric.value for metric in client.get_metric_history(run.id, "train/cpu_seconds")}
        recipe = " ".join(f"{key}={run.params[key]}" for key in SETTINGS)
        for metric in client.get_metric_history(run.id, "val/mask_ap50"):
            rows.append((recipe, int(run.params["seed"]), metric.step, cpu_seconds[metric.step], metric.value))
    found = pd.DataFrame(rows, columns=["recipe", "seed", "epoch", "cpu_seconds", "val_mask_ap50"])
    return found.sort_values(["recipe", "seed", "epoch"], kind="stable")


def time_to(curve: pd.DataFrame, level: float) -> float:
    """Return the CPU seconds at the first score of at least `level`; NaN if there is none."""
    return curve.cpu_seconds[curve.val_mask_ap50 >= level].min()


def summary(curves: pd.DataFrame) -> str:
    """Return a Markdown table with a row for each recipe: CPU seconds to each level with their mean, and scores."""
    heads = ["recipe", "seeds", *(f"CPU s to {level:.2f}" for level in LEVELS), "best", "at the end", "total CPU s"]
    lines = [heads, ["---"] * len(heads)]
    for recipe, runs in curves.groupby("recipe", sort=False):
        each = [curve for _, curve in runs.groupby("seed")]
        cells = [str(recipe), ", ".join(str(curve.seed.iloc[0]) for curve in each)]
        for level in LEVELS:
            times = pd.Series([time_to(curve, level) for curve in each])
            listed = ", ".join("never" if pd.isna(value) else f"{value:.0f}" for value in times)
            cells.append(listed if times.isna().any() or len(times) == 1 else f"**{times.mean():.0f}** ({listed})")
        best = [curve.val_mask_ap50.max() for curve in each]
        last = [curve.val_mask_ap50.iloc[-1] for curve in each]
        cells += [", ".join(f"{value:.2f}" for value in values) for values in (best, last)]
        cells.append(f"{sum(curve.cpu_seconds.iloc[-1] for curve in each) / len(each):.0f}")
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def draw(curves: pd.DataFrame) -> Figure:
    """Draw a line for each run, with a colour for each recipe."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    for number, (recipe, runs) in enumerate(curves.groupby("recipe", sort=False)):
        for seed, curve in runs.groupby("seed"):
            first = seed == runs.seed.min()
            axes.plot(
                curve.cpu_seconds, curve.val_mask_ap50, color=f"C{number}", lw=1.2, label=recipe if first else None
            )
    axes.plot(list(PROTOTYPE.values()), list(PROTOTYPE), "kx", label="prototype")
    for level in LEVELS:
        axes.axhline(level, color="0.7", lw=0.7, zorder=0)
    axes.set(xlabel="CPU seconds except scoring", ylabel="validation mask AP50", ylim=(0, 0.85), xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


if __name__ == "__main__":
    if sys.argv[1:]:
        collect(sys.argv[1:]).to_csv(FILE, index=False, float_format="%.5g")
    drawn = pd.read_csv(FILE)
    print(summary(drawn))
    draw(drawn).savefig(HERE / "curves.png", dpi=110)
