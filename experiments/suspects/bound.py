"""Plant faults into photos that runs were not trained on, and rank them: python -m experiments.suspects.bound RUN...

The networks were trained on the labels without the planted faults, so the shares are upper bounds of what networks find
that were trained on such faults themselves. Prints, for each seed, how many faults are in the first 10 % of the list.
"""

import csv
import io
import sys
import time
from dataclasses import replace

from rich.console import Console

from experiments.suspects.measure import describe, ranks, shares
from experiments.suspects.plant import plant
from fmask import tracking
from fmask.evaluation.suspects import find_suspects
from fmask.report.suspects import as_csv
from fmask.report.tested import test_runs

SEEDS = range(1, 11)


def main(names: list[str]) -> None:
    """Print the shares for each seed, and for all."""
    tested = test_runs([tracking.find_run(name) for name in names], Console(stderr=True), None, 0)
    objects = sum(not region.ignore for photo in tested.photos for region in photo.regions)
    print(f"{len(tested.photos)} photos, {objects} objects")
    every = []
    for seed in SEEDS:
        photos, faults = plant(tested.photos, seed)
        start = time.perf_counter()
        planted = replace(tested, photos=photos)
        text = as_csv(planted, find_suspects(photos, tested.tests))
        seconds = time.perf_counter() - start
        found = ranks(list(csv.DictReader(io.StringIO(text))), faults)
        every += found
        print(f"seed {seed}: {describe(shares(found, objects))}; {seconds:.1f} s", flush=True)
    print(f"all: {describe(shares(every, objects))}")


if __name__ == "__main__":
    main(sys.argv[1:])
