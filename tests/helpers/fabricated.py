"""Fabricated runs of a study."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from fmask.evaluation.outcomes import Outcome
from fmask.studies import Study, StudyRun
from fmask.studies.runs import Scored

LETTERS = {"f": Outcome.FOUND, "w": Outcome.FOUND_WRONGLY, "m": Outcome.MISSED}
PHOTOS = {"train": "photos@" + "aa" * 8, "val": "photos@" + "bb" * 8, "test": "photos@" + "cc" * 8}


def run(number: int, outcomes: str, status: str = "FINISHED", **params: Any) -> StudyRun:
    """Return a run whose n-th object has the outcome of the n-th letter of `outcomes`, at both confidences.

    Photos have two objects. Objects that are not missed have one detection, and photo 0 has `number` spurious ones.
    """
    by_object = {(f"{n // 2}.jpg", n % 2): LETTERS[letter] for n, letter in enumerate(outcomes)}
    detections = Counter({photo: 0 for photo, _ in by_object})
    detections.update(photo for (photo, _), outcome in by_object.items() if outcome != Outcome.MISSED)
    detections["0.jpg"] += number
    scored = Scored(by_object, number, dict(detections))
    return StudyRun(
        id=f"run{number}",
        name=f"name {number}",
        started=datetime(2026, 1, 1) + timedelta(minutes=number),
        status=status,
        params={
            "seed": "1",
            "min_confidence": "0.9",
            **{key.replace("__", "."): str(value) for key, value in params.items()},
        },
        data=PHOTOS,
        val_mask_ap50=0.5 + number / 10,
        cpu_seconds=100.0 * number,
        scores={0.5: scored, 0.9: scored} if status == "FINISHED" else {},
    )


def study(runs: Sequence[StudyRun]) -> Study:
    return Study("report", tuple(runs))


def scores_json(outcomes: str, spurious: int) -> dict[str, Any]:
    """Return the part of a run's `scores/test_at_0.9.json` that a study reads."""
    objects = [
        {"photo": f"{n // 2}.jpg", "region": n % 2, "outcome": LETTERS[letter], "claims": [] if letter == "m" else [n]}
        for n, letter in enumerate(outcomes)
    ]
    return {"objects": objects, "spurious": [{"photo": "0.jpg"}] * spurious}
