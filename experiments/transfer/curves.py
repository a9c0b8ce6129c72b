"""Plot validation mask AP50 over CPU seconds: python -m experiments.transfer.curves [STUDY]

The script plots curves.csv, beside the runs from random weights of `experiments/time_to_accuracy`, and prints a table.
If a study is given, it first writes the study's MLflow runs to curves.csv.
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.time_to_accuracy import curves as scratch

HERE = Path(__file__).parent
FILE = HERE / "curves.csv"
TRANSFER, SCRATCH = "ImageNet weights, EfficientNet-Lite0", "random weights, ResNet-18"
FROM_SCRATCH = "epochs=36 lr=0.001"
"""The runs of `recipe=scratch` in the other experiment's file."""


def read() -> pd.DataFrame:
    """Return the scores of both recipes: recipe, seed, epoch, cpu_seconds, val_mask_ap50."""
    other = pd.read_csv(scratch.FILE)
    return pd.concat([pd.read_csv(FILE), other[other.recipe == FROM_SCRATCH].assign(recipe=SCRATCH)])


def draw(curves: pd.DataFrame) -> Figure:
    """Draw a line for each run, with a colour for each recipe."""
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, (recipe, runs) in enumerate(curves.groupby("recipe", sort=False)):
        for seed, curve in runs.groupby("seed"):
            label = f"{recipe}, {runs.seed.nunique()} seeds" if seed == runs.seed.min() else None
            axes.plot(curve.cpu_seconds, curve.val_mask_ap50, color=f"C{number}", lw=1.6, label=label)
    axes.set(
        xlabel="CPU seconds of one thread, without scoring", ylabel="validation mask AP50", ylim=(0, 1), xlim=(0, None)
    )
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


if __name__ == "__main__":
    if sys.argv[1:]:
        scratch.collect(sys.argv[1:]).assign(recipe=TRANSFER).to_csv(FILE, index=False, float_format="%.5g")
    drawn = read()
    print(scratch.summary(drawn))
    draw(drawn).savefig(HERE / "curves.png", dpi=110)
