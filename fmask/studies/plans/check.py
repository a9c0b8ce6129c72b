"""The check of a study's table against its plan: what was planned, what is missing, and what was changed.

The plan that counts is the last one that was frozen before the first run of the study started. If all were frozen
later, no comparison counts as planned: results may have been known.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fmask.studies.choice import test_data
from fmask.studies.comparison import Family
from fmask.studies.folds import SeedScores
from fmask.studies.plans.frozen import FrozenPlan, PlanContent, changes
from fmask.studies.plans.rows import deviations
from fmask.studies.runs import MADE_WITH, Study, StudyRun


@dataclass(frozen=True)
class Reference:
    """The plan of a study that counts."""

    plan: FrozenPlan
    first_run: datetime
    """When the first run of the study started."""
    late: bool
    """Whether the plan was frozen after that."""
    before: int
    """Number of earlier plans, which it replaced before the first run."""
    amendments: tuple[tuple[datetime, list[str]], ...]
    """When the plan was changed after the first run had started, and what."""


@dataclass(frozen=True)
class PlanCheck:
    """The result of the check of one table."""

    reference: Reference
    family: int
    """Number of comparisons in the plan's family."""
    missing: list[str]
    """Planned runs that the table lacks, by row."""
    planned_runs: int
    missing_runs: int
    different: list[str]
    """What differs from the plan in the runs and in the choices of the table."""


def reference_plan(study: Study) -> Reference | None:
    """Return the plan of a study that counts; None if it has no plan or no runs."""
    if not study.plans or not study.runs:
        return None
    first = min(run.started for run in study.runs)
    early = [plan for plan in study.plans if plan.time <= first]
    plan, before = (early[-1], len(early) - 1) if early else (study.plans[0], 0)
    later = study.plans[study.plans.index(plan) :]
    pairs = itertools.pairwise(later)
    amendments = tuple((new.time, changes(old.content, new.content)) for old, new in pairs)
    return Reference(plan, first, not early, before, amendments)


def planned_row(params: Mapping[str, str], plan: PlanContent) -> str | None:
    """Return the name of the planned row that has these settings; None if none has."""
    return next((name for name, row in plan.rows.items() if not deviations(params, row)), None)


def baseline_row(reference: Reference | None, settings: Sequence[Mapping[str, str]]) -> int:
    """Return the number of the table row that is the plan's baseline; 1 if there is none."""
    if reference is None:
        return 1
    content = reference.plan.content
    names = [planned_row(params, content) for params in settings]
    return names.index(content.baseline) + 1 if content.baseline in names else 1


def family_of(
    reference: Reference | None,
    groups: Sequence[Sequence[SeedScores]],
    baseline: int,
    confidence: float,
    margin: float | None,
    score: str,
) -> Family | None:
    """Return the planned comparisons of a score in a table; None if the study has no plan.

    Args:
        reference: the plan.
        groups: the seeds of each row.
        baseline: number of the row that the others are compared with.
        confidence: the confidence of the table.
        margin: the margin of equivalence.
        score: the name of the score.
    """
    if reference is None:
        return None
    plan = reference.plan.content
    names = [planned_row(group[0].runs[0].params, plan) for group in groups]
    as_planned = [name if _has_planned_runs(group, plan) else None for name, group in zip(names, groups, strict=True)]
    chosen = (as_planned[baseline - 1], confidence, margin, score)
    planned = (plan.baseline, plan.confidence, plan.margin, plan.score)
    if reference.late or chosen != planned:
        return Family(len(plan.family), level=plan.alpha)
    rows = frozenset(index for index, name in enumerate(as_planned) if name in plan.family)
    return Family(len(plan.family), rows, plan.alpha)


def check_table(
    reference: Reference | None,
    runs: Sequence[StudyRun],
    groups: Sequence[Sequence[SeedScores]],
    baseline: int,
    confidence: float,
    margin: float | None,
    objects: int,
) -> PlanCheck | None:
    """Check a table against its study's plan.

    Args:
        reference: the plan; None if the study has none.
        runs: the scored runs on the data of the table.
        groups: the seeds of each row.
        baseline: number of the row that the others are compared with.
        confidence: the confidence of the table.
        margin: the margin of equivalence.
        objects: number of annotated objects.

    Returns:
        The check; None if the study has no plan.
    """
    if reference is None:
        return None
    plan = reference.plan.content
    missing, count = _missing(plan, runs)
    different = [*_other_rows(plan, runs), *_other_deals(plan, runs), *_made_with(reference.plan, runs)]
    compared_with = planned_row(groups[baseline - 1][0].runs[0].params, plan)
    if compared_with != plan.baseline:
        name = compared_with or f"row {baseline}, which is not planned"
        different.append(f"baseline: {plan.baseline} → {name}")
    if confidence != plan.confidence:
        different.append(f"confidence: {plan.confidence:g} → {confidence:g}")
    if margin != plan.margin:
        different.append(f"margin: {plan.margin:g} → {'none' if margin is None else f'{margin:g}'}")
    if objects != plan.objects:
        different.append(f"objects: {plan.objects} → {objects}")
    hours = sum(run.cpu_seconds or 0 for run in runs) / 3600
    if hours > plan.budget:
        different.append(f"budget: {plan.budget:g} → {hours:.1f} CPU hours")
    total = len(plan.rows) * len(plan.seeds) * (plan.folds or 1)
    return PlanCheck(reference, len(plan.family), missing, total, count, different)


def _has_planned_runs(seeds: Sequence[SeedScores], plan: PlanContent) -> bool:
    """Return whether all runs of a row have planned seeds, folds and data."""
    runs = [run for seed in seeds for run in seed.runs]
    return all(
        run.params.get("seed") in [str(seed) for seed in plan.seeds]
        and _folds(run) == plan.folds
        and test_data(run) == plan.data
        for run in runs
    )


def _folds(run: StudyRun) -> int | None:
    return None if run.fold is None else int(run.params["data.folds"])


def _missing(plan: PlanContent, runs: Sequence[StudyRun]) -> tuple[list[str], int]:
    """Return the planned runs that do not exist, by row, and their number."""
    folds = range(1, plan.folds + 1) if plan.folds else (None,)
    found, count = [], 0
    for name, row in plan.rows.items():
        own = [
            run
            for run in runs
            if not deviations(run.params, row) and _folds(run) == plan.folds and test_data(run) == plan.data
        ]
        done = {(run.params.get("seed"), run.fold) for run in own}
        lacking = {seed: [fold for fold in folds if (str(seed), fold) not in done] for seed in plan.seeds}
        number = sum(map(len, lacking.values()))
        count += number
        if number == len(plan.seeds) * len(folds):
            found.append(f"{name}: all")
        elif number:
            listed = [_lacking(seed, each, len(folds)) for seed, each in lacking.items() if each]
            found.append(f"{name}: {', '.join(listed)}")
    return found, count


def _lacking(seed: int, folds: Sequence[int | None], of: int) -> str:
    if len(folds) == of:
        return f"seed {seed}"
    return f"seed {seed} fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}"


def _other_rows(plan: PlanContent, runs: Sequence[StudyRun]) -> list[str]:
    """Return the settings that are not planned, each with its number of runs."""
    keys = {key for row in plan.rows.values() for key in row}
    varied = [key for key in sorted(keys) if len({row.get(key) for row in plan.rows.values()}) > 1]
    found: Counter[str] = Counter()
    for run in runs:
        if planned_row(run.params, plan):
            continue
        like = [name for name, row in plan.rows.items() if all(run.params.get(key) == row.get(key) for key in varied)]
        nearest = min(plan.rows, key=lambda name: len(deviations(run.params, plan.rows[name])))
        listed = ", ".join(deviations(run.params, plan.rows[nearest]))
        found[f"settings of {nearest}: {listed}" if like else f"row added: {nearest} with {listed}"] += 1
    return [f"{what} ({_runs(count)})" for what, count in found.items()]


def _other_deals(plan: PlanContent, runs: Sequence[StudyRun]) -> list[str]:
    """Return the seeds, folds and data that are not planned."""
    found: Counter[str] = Counter()
    seeds = [str(seed) for seed in plan.seeds]
    for run in runs:
        if (seed := run.params.get("seed")) not in seeds:
            found[f"seeds: {', '.join(seeds)} → {seed} too"] += 1
        if (folds := _folds(run)) != plan.folds:
            found[f"folds: {plan.folds or 'none'} → {folds or 'none'}"] += 1
        if (data := test_data(run)) != plan.data:
            found[f"data: {plan.data} → {data or 'not logged'}"] += 1
    return [f"{what} ({_runs(count)})" for what, count in found.items()]


def _made_with(plan: FrozenPlan, runs: Sequence[StudyRun]) -> list[str]:
    """Return the differences of code, packages and devices between runs, and between the plan and the runs."""
    found = []
    for name in MADE_WITH.values():
        if not any(name in run.made_with for run in runs):
            continue
        values = Counter(run.made_with.get(name, "not recorded") for run in runs)
        planned = plan.commit if name == "git commit" else "false" if name == "uncommitted changes" else ""
        if len(values) > 1 or (planned and planned not in values):
            listed = ", ".join(f"{value[:12]} ({_runs(count)})" for value, count in values.items())
            found.append(f"{name}: {f'{planned[:12]} → ' if planned else ''}{listed}")
    return found


def _runs(count: int) -> str:
    return f"{count} run{'s' * (count > 1)}"
