"""Draw frames of some clips as `fmask watch` marks them, above their events: python -m experiments.watch.picture RUN"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import fmask
from experiments.watch.clips import HOLD, RATE, draw_clip
from experiments.watch.measure import SEED
from fmask.apps.watch.heads import ITEMS, items_of
from fmask.apps.watch.record import clock_text, mark_heads
from fmask.apps.watch.watcher import Watcher
from fmask.inference.predictor import Predictor

CLIPS = (0, 5, 7, 11)
"""The clips to draw, counted from the first."""
SECONDS = (1.4, 3.4, 5.4, 7.4, 9.4)
"""The times of the frames to draw."""


def draw(predictor: Predictor) -> Figure:
    """Draw a row of frames for each clip, with the true and the reported events as its title."""
    figure = Figure(figsize=(2.6 * len(SECONDS), 2.5 * len(CLIPS)), layout="constrained")
    rows = np.ravel(np.array(figure.subfigures(len(CLIPS), 1), dtype=object))
    for row, number in zip(rows, CLIPS, strict=True):
        clip = draw_clip(SEED + number)
        watcher, pictures, events = Watcher(ITEMS, HOLD, items_of(predictor.classes)), {}, []
        for index, frame in enumerate(clip.frames()):
            events += watcher.see(frame, next(iter(predictor.predict([frame.image]))).select())
            pictures[index] = mark_heads(frame.image, watcher.in_sight, ITEMS, clock_text(float(frame.time), None))
        true = ", ".join(f"no {each.missing} from {each.since:.1f} s" for each in clip.events)
        found = ", ".join(f"no {each.missing} from {each.since:.1f} s" for each in events)
        row.suptitle(f"true: {true}\nreported: {found}", fontsize=8)
        for axes, seconds in zip(row.subplots(1, len(SECONDS)), SECONDS, strict=True):
            axes.imshow(pictures[round(seconds * RATE)])
            axes.axis("off")
    return figure


if __name__ == "__main__":
    draw(fmask.load(sys.argv[1], threads=1)).savefig(Path(__file__).parent / "clips.png", dpi=80)
