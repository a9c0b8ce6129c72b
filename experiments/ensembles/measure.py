"""Score ensembles and views: python -m experiments.ensembles.measure NAME SPLIT RUN ... [-- SPLIT RUN ...]

Each RUN is a finished run; those of a group predict the photos of the same split, val or test. Scores are means over
the groups, which have no photo in common. The script writes NAME.csv and draws NAME.png; NAME alone draws the figure
again.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import combinations, groupby
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.progress import track
from scipy.stats import t

from fmask import tracking
from fmask.data.images import load_image
from fmask.evaluation.average_precision import average_precision
from fmask.inference.ensemble import VIEWS, look
from fmask.inference.fusion import fuse
from fmask.inference.predictor import Predictor
from fmask.report.photos import find_split, load_network
from fmask.structures.annotations import Photo
from fmask.structures.detections import EncodedDetections
from fmask.studies.average_precision import AP, AP50, RunPrecision, run_precisions

HERE = Path(__file__).parent
Look = tuple[int, str]
"""The number of a network, and the view that it is shown ("" for the photo itself)."""


def settings(networks: int) -> Iterator[tuple[str, list[tuple[Look, ...]]]]:
    """Yield each setting's name and its ensembles, one for each choice of networks; scores are means over these."""
    seeds = range(networks)
    yield "one network", [((seed, ""),) for seed in seeds]
    for views in (("mirrored",), ("smaller",), ("mirrored", "smaller")):
        name = f"one network, also {' and '.join(views)}"
        yield name, [((seed, ""), *((seed, view) for view in views)) for seed in seeds]
    for count in range(2, networks + 1):
        yield f"{count} networks", [tuple((seed, "") for seed in chosen) for chosen in combinations(seeds, count)]
    if networks > 1:
        yield f"{networks} networks, also smaller", [tuple((seed, view) for seed in seeds for view in ("", "smaller"))]


def detect(
    photos: Sequence[Photo], networks: Sequence[Predictor], ensembles: Sequence[tuple[Look, ...]]
) -> tuple[list[list[EncodedDetections]], float]:
    """Return what each ensemble finds in each photo, and the CPU seconds of one network and view of a photo."""
    looks = [(number, view) for number in range(len(networks)) for view in ("", *VIEWS)]
    found: list[list[EncodedDetections]] = [[] for _ in ensembles]
    seconds = 0.0
    for photo in track(photos, "Photos"):
        image = load_image(photo.path)
        started = time.process_time()
        sets = {(number, view): next(look(networks[number], view, [image], 1)) for number, view in looks}
        seconds += time.process_time() - started
        for each, results in zip(ensembles, found, strict=True):
            results.append(fuse([sets[one] for one in each]).encode())
    return found, seconds / len(photos) / len(looks)


def score(photos: Sequence[Photo], found: Sequence[EncodedDetections]) -> dict[str, RunPrecision]:
    """Return the average precisions, with the influence of each photo."""
    matches = average_precision(photos, found).matches
    return run_precisions(matches, [photo.name for photo in photos])


def variance(first: Sequence[RunPrecision], second: Sequence[RunPrecision]) -> float:
    """Return the variance of the difference of two mean scores, for other photos and these networks."""
    influence = np.mean([each.influence for each in second], axis=0) - np.mean(
        [each.influence for each in first], axis=0
    )
    return float((influence**2).sum() * len(influence) / (len(influence) - 1))


def measure(split: str, names: Sequence[str]) -> pd.DataFrame:
    """Return a row for each setting: its scores, their gains over one network, and the variances of the gains."""
    runs = [tracking.find_run(name) for name in names]
    photos = find_split(runs[0], split).photos
    named = list(settings(len(runs)))
    found, seconds = detect(
        photos, [load_network(run, None, 1) for run in runs], [each for _, ensembles in named for each in ensembles]
    )
    results = iter(found)
    rows: list[dict[str, str | int | float]] = []
    baseline: list[dict[str, RunPrecision]] = []
    for name, ensembles in named:
        scores = [score(photos, next(results)) for _ in ensembles]
        baseline = baseline or scores
        row: dict[str, str | int | float] = {"setting": name, "passes": len(ensembles[0]), "photos": len(photos)}
        for key in (AP50, AP):
            one, other = ([each[key] for each in group] for group in (baseline, scores))
            before, after = (float(np.mean([each.value for each in group])) for group in (one, other))
            row[key], row[f"{key}_gain"] = after, after - before
            row[f"{key}_variance"] = variance(one, other)
        rows.append(row | {"cpu_seconds": seconds * len(ensembles[0])})
    return pd.DataFrame(rows)


def combine(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the means over groups, with half of the 95 % interval of each gain instead of its variance."""
    together = pd.concat(tables).groupby("setting", sort=False)
    result = together.mean()
    result["photos"] = together.photos.sum()
    for key in (AP50, AP):
        error = np.sqrt(together[f"{key}_variance"].sum()) / len(tables)
        result[f"{key}_half_width"] = t.ppf(0.975, result.photos - 1) * error
    columns = [column for column in result.columns if not column.endswith("_variance")]
    return result[columns].astype({"passes": int}).reset_index()


def draw(table: pd.DataFrame) -> Figure:
    """Draw the gains over one network with their intervals."""
    shown = table[1:]
    figure = Figure(figsize=(9, 1.2 + 0.35 * len(shown)), layout="constrained")
    figure.suptitle("Gain over one network, with 95 % intervals")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (key, name) in zip(axes, ((AP50, "mask AP50"), (AP, "mask AP")), strict=True):
        axis.errorbar(shown[f"{key}_gain"], range(len(shown)), xerr=shown[f"{key}_half_width"], fmt="o", capsize=3)
        axis.axvline(0, color="0.6", lw=1)
        axis.set(xlabel=name, yticks=range(len(shown)))
        axis.set_yticklabels([f"{each.setting} ({each.passes} x time)" for each in shown.itertuples()])
        axis.grid(axis="x", color="0.9")
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(y=0.15)
    axes[0].invert_yaxis()
    return figure


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    file = HERE / f"{name}.csv"
    if rest:
        groups = [list(group) for is_break, group in groupby(rest, "--".__eq__) if not is_break]
        combine([measure(split, runs) for split, *runs in groups]).to_csv(file, index=False, float_format="%.4f")
    scores = pd.read_csv(file)
    print(scores.to_string(index=False))
    draw(scores).savefig(file.with_suffix(".png"), dpi=110)
