"""A fabricated study with a plan: four rows, two seeds, and all planned runs."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from fmask.studies import Study, StudyRun
from fmask.studies.plans.frozen import FrozenPlan, PlanContent
from tests.helpers.fabricated import PHOTOS, run

EARLY = datetime(2025, 12, 31)
"""Before the first run starts, at the beginning of 2026."""
LATE = datetime(2026, 1, 2)
OUTCOMES = {
    "aug=none": ("m" * 24 + "ffff" * 2, "fm" + "m" * 22 + "ffff" * 2),
    "aug=blur": ("f" * 32, "f" * 31 + "m"),
    "aug=clahe": ("m" * 23 + "f" * 9, "m" * 24 + "f" * 8),
    "aug=sharpen": ("f" * 18 + "m" * 6 + "f" * 8, "f" * 18 + "m" * 5 + "f" * 9),
}
"""The outcomes of each row's seeds; those of `aug=blur` and `aug=sharpen` are better than the baseline's."""


def content(**values: Any) -> PlanContent:
    """Return a plan; `values` replace those of the study's own."""
    plan = PlanContent(
        study="report",
        question="Does an augmenter help?",
        rows={name: {"aug": name.removeprefix("aug="), "lr": "0.1"} for name in OUTCOMES},
        baseline="aug=none",
        seeds=(0, 1),
        folds=None,
        score="accuracy",
        confidence=0.9,
        family=("aug=blur", "aug=clahe", "aug=sharpen"),
        margin=0.05,
        alpha=0.05,
        objects=32,
        budget=100.0,
        pilot=None,
        data=PHOTOS["test"],
    )
    return replace(plan, **values)


def frozen(time: datetime = EARLY, **values: Any) -> FrozenPlan:
    """Return a plan as it was recorded at a time."""
    return FrozenPlan(time, "c" * 40, content(**values))


def planned_runs() -> list[StudyRun]:
    """Return all planned runs, in the order of rows and seeds."""
    made_with = {"git commit": "c" * 40, "uncommitted changes": "false", "Keras": "3.10"}
    return [
        replace(run(2 * row + seed, each, seed=seed, aug=name.removeprefix("aug="), lr=0.1), made_with=made_with)
        for row, (name, outcomes) in enumerate(OUTCOMES.items())
        for seed, each in enumerate(outcomes)
    ]


def planned_study(*later: FrozenPlan) -> Study:
    """Return the study with its plan, and perhaps amendments."""
    return Study("report", tuple(planned_runs()), (frozen(), *later))
