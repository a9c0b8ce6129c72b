"""Plot validation mask AP50 over CPU seconds, for each start: python -m experiments.transfer.curves [--collect]

The script plots curves.csv, beside the runs of ResNet-18 from random weights of `experiments/time_to_accuracy`, and
prints a table. With --collect, it first writes the MLflow runs of the studies in `STARTS` to curves.csv. The CPU
seconds of a start on drawn people include those of its training on them.
"""

import sys
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments.time_to_accuracy import curves as scratch

HERE = Path(__file__).parent
FILE = HERE / "curves.csv"
STARTS = {
    "imagenet": "ImageNet",
    "both": "ImageNet, then drawn people",
    "drawn_only": "random, then drawn people",
    "random": "random",
}
"""The studies, and where their networks (EfficientNet-Lite0) start from."""
DRAWN = {"both": 178.0, "drawn_only": 162.0}
"""CPU seconds of the training on drawn people, which all seeds of a study start from."""
SCRATCH = "random, ResNet-18 with recipe=scratch"
FROM_SCRATCH = "epochs=36 lr=0.001"
"""The runs of `recipe=scratch` in the other experiment's file."""


def read() -> pd.DataFrame:
    """Return the scores of all starts: recipe, seed, epoch, cpu_seconds, val_mask_ap50."""
    other = pd.read_csv(scratch.FILE)
    return pd.concat([pd.read_csv(FILE), other[other.recipe == FROM_SCRATCH].assign(recipe=SCRATCH)])


def collect() -> pd.DataFrame:
    """Return the scores of the studies in MLflow, as `read` does."""
    found = []
    for study, start in STARTS.items():
        runs = scratch.collect([study]).assign(recipe=start)
        found.append(runs.assign(cpu_seconds=runs.cpu_seconds + DRAWN.get(study, 0.0)))
    return pd.concat(found)


def draw(curves: pd.DataFrame) -> Figure:
    """Draw a line for each run, with a colour for each start."""
    figure = Figure(figsize=(8, 5), layout="constrained")
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
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


if __name__ == "__main__":
    if sys.argv[1:] == ["--collect"]:
        collect().to_csv(FILE, index=False, float_format="%.5g")
    drawn = read()
    print(scratch.summary(drawn))
    draw(drawn).savefig(HERE / "curves.png", dpi=110)
