"""Score heads and events of `fmask watch`: python -m experiments.watch.measure RUN [RUN ...] [--photos FOLDER]

Without FOLDER, the photos and clips are drawn, with seeds that no training has seen. Bare heads are scored in `PHOTOS`
photos, and events in `CLIPS` clips, once with the class head and once without. With FOLDER, the folder of a split, each
annotated photo is shown for `STILL` seconds, and its events are those of its annotations.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import fmask
from experiments.watch.clips import HOLD, RATE, draw_clip
from fmask.apps.video.reading import Frame
from fmask.apps.watch.boxes import overlap
from fmask.apps.watch.heads import HEAD, ITEMS, Head, group_heads, items_of
from fmask.apps.watch.watcher import Event, Watcher
from fmask.data.formats.read import read_split
from fmask.data.synthetic.dataset import ensure_rendered
from fmask.inference.predictor import Predictor
from fmask.structures.annotations import Photo
from fmask.structures.detections import Detections

HERE = Path(__file__).parent
PHOTOS, CLIPS, STILL = 600, 36, 2
TOLERANCE = 0.5
"""Largest difference in seconds between the start of an event and the true one."""
SEED = 7001
"""Of the photos, and the first of the clips."""


def annotated(photo: Photo) -> Detections:
    """Return the annotated objects of a photo as detections of score 1."""
    regions = [region for region in photo.regions if not region.ignore]
    masks = np.array([region.mask(photo.height, photo.width) for region in regions]).reshape(
        -1, photo.height, photo.width
    )
    boxes = []
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        boxes.append((rows[0], columns[0], rows[-1] + 1, columns[-1] + 1))
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([region.class_id for region in regions], np.int64),
        np.ones(len(regions), np.float32),
        masks,
        photo.regions[0].classes if photo.regions else (),
    )


def matched(found: Sequence[Head], true: Sequence[Head]) -> int:
    """Return how many heads are found: pairs that overlap by half of the smaller box, each head in one pair."""
    free, count = list(true), 0
    for head in found:
        fits = [other for other in free if overlap(head.box, other.box).of_smaller >= 0.5]
        if fits:
            free.remove(max(fits, key=lambda other: overlap(head.box, other.box).iou))
            count += 1
    return count


def score_bare_heads(predictor: Predictor, photos: Iterable[Photo], at: float | None) -> dict[str, object]:
    """Return recall and precision of bare heads."""
    items = items_of(predictor.classes)
    right = found_count = true_count = 0
    for photo in photos:
        found = group_heads(predictor.predict(photo.path).select(at), items)
        true = group_heads(annotated(photo), items_of(photo.regions[0].classes))
        bare, truly_bare = ([head for head in heads if not head.items] for heads in (found, true))
        right += matched(bare, truly_bare)
        found_count += len(bare)
        true_count += len(truly_bare)
    return rates("bare heads in drawn photos", right, found_count, true_count)


def rates(name: str, right: int, found: int, true: int) -> dict[str, object]:
    """Return recall, precision and F1, with 95 % Wilson intervals of the first two."""
    row: dict[str, object] = {"what": name, "right": right, "found": found, "true": true}
    for rate, trials in (("recall", true), ("precision", found)):
        if trials:
            interval = binomtest(right, trials).proportion_ci(0.95, "wilson")
            row |= {rate: right / trials, f"{rate}_low": interval.low, f"{rate}_high": interval.high}
    return row | {"f1": 2 * right / (found + true)}


def events_in(frames: Iterable[Frame], predictions: Iterable[Detections], items: dict[str, str]) -> list[Event]:
    """Return the events of a clip."""
    watcher = Watcher(ITEMS, HOLD, items)
    return [event for frame, found in zip(frames, predictions, strict=True) for event in watcher.see(frame, found)]


def right_events(events: Sequence[Event], true: Sequence[tuple[str, float, tuple[float, float]]]) -> int:
    """Return how many true events, each item, start and centre of the head, are reported; each event counts once."""
    free, count = list(true), 0
    for event in events:
        y1, x1, y2, x2 = event.box
        for each in free:
            item, since, (x, y) = each
            if item == event.missing and abs(since - event.since) <= TOLERANCE and x1 <= x <= x2 and y1 <= y <= y2:
                free.remove(each)
                count += 1
                break
    return count


def score_drawn_clips(predictor: Predictor, with_heads: bool, at: float | None) -> Iterator[tuple[int, int, int]]:
    """Yield for each drawn clip how many events are right, reported and true."""
    items = {name: item for name, item in items_of(predictor.classes).items() if with_heads or item != HEAD}
    for number in range(CLIPS):
        clip = draw_clip(SEED + number)
        frames = list(clip.frames())
        predictions = [found.select(at) for found in predictor.predict([frame.image for frame in frames])]
        events = events_in(frames, predictions, items)
        true = []
        for each in clip.events:
            pose = clip.people[each.person].at(round((each.since + HOLD) * RATE))
            true.append((each.missing, each.since, (pose.x, pose.y)))
        yield right_events(events, true), len(events), len(true)


def score_still_clips(
    predictor: Predictor, photos: Iterable[Photo], at: float | None
) -> Iterator[tuple[int, int, int]]:
    """Yield for each photo, shown as a clip, how many events are right, reported and true."""
    for photo in photos:
        found = predictor.predict(photo.path).select(at)
        times = [Fraction(number, RATE) for number in range(STILL * RATE)]
        frames = [Frame(np.zeros((1, 1, 3), np.uint8), time) for time in times]
        events, truth = (
            events_in(frames, [each] * len(frames), items_of(each.classes)) for each in (found, annotated(photo))
        )
        true = [
            (each.missing, each.since, ((each.box[1] + each.box[3]) / 2, (each.box[0] + each.box[2]) / 2))
            for each in truth
        ]
        yield right_events(events, true), len(events), len(true)


def main() -> None:
    """Measure, print the rates and write them to results.csv, or stills.csv."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", help="networks, which detect together")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--min-confidence", type=float, help="instead of the thresholds of the operating point")
    arguments = parser.parse_args()
    predictor = fmask.load(arguments.runs, threads=1)
    rows, at = [], arguments.min_confidence
    if arguments.photos:
        counts = list(score_still_clips(predictor, read_split(arguments.photos).photos, at))
        rows.append(rates("events in photos shown as clips", *map(sum, zip(*counts, strict=True))))
    else:
        root = ensure_rendered(Path("data"), SEED, {"train": PHOTOS, "val": 1, "test": 1}, labels="heads")
        before = time.process_time()
        rows.append(score_bare_heads(predictor, read_split(root / "train").photos, at))
        print(f"{1000 * (time.process_time() - before) / PHOTOS:.0f} CPU ms a photo")
        for with_heads in (True, False):
            counts = list(score_drawn_clips(predictor, with_heads, at))
            name = f"events in drawn clips, {'with' if with_heads else 'without'} the class head"
            rows.append(rates(name, *map(sum, zip(*counts, strict=True))))
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    name = "stills" if arguments.photos else "results"
    suffix = f"_at_{at:g}" if at is not None else ""
    table.to_csv(HERE / f"{name}{suffix}.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
