"""Plot curve.csv: python experiments/from_scratch/plot.py"""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

HERE = Path(__file__).parent
STYLES = {
    "34 epochs, running mean": ("0.6", ":"),
    "30 epochs, running mean": ("0.6", "--"),
    "36 epochs, fp32": ("0.4", "-"),
}

figure = Figure(figsize=(7, 4.2), layout="constrained")
axes = figure.subplots()
for run, points in pd.read_csv(HERE / "curve.csv").groupby("run", sort=False):
    colour, line = STYLES.get(str(run), (None, "-"))
    axes.plot(points.cpu_seconds, points.val_mask_ap50, line, color=colour, marker="o", markersize=3, label=run)
axes.plot([853, 1849], [0.60, 0.70], "kx", label="prototype: .60 after 853 s, .70 after 1849 s")
axes.set(xlabel="CPU seconds", ylabel="validation mask AP50", ylim=(0, 0.85), xlim=(0, None))
axes.grid(alpha=0.25)
axes.legend(frameon=False, fontsize=8, loc="lower right")
figure.savefig(HERE / "val_mask_ap50.png", dpi=110)
