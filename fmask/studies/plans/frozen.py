"""Frozen plans: the record of a plan in the tracking store, and what changed between two of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from fmask import tracking
from fmask.utils.errors import UserError

PLAN_TAG = "plan"
"""Tag of the run that records a plan, with the plan's digest."""
PLAN_JSON, PLAN_YAML, CHANGES = "plan.json", "plan.yaml", "changes.txt"
"""Artifacts of such a run."""


@dataclass(frozen=True)
class PlanContent:
    """What a plan fixes; see `fmask.studies.plans.file.PlanFile` for the values of the file."""

    study: str
    question: str
    rows: dict[str, dict[str, str]]
    """The settings of each row as its runs log them, by the row's name."""
    baseline: str
    seeds: tuple[int, ...]
    folds: int | None
    score: str
    confidence: float
    family: tuple[str, ...]
    """Names of the rows that are tested against the baseline."""
    margin: float
    alpha: float
    objects: int
    budget: float
    pilot: str | None
    data: str
    """The test data, or its folds, as `name@digest`."""

    @property
    def digest(self) -> str:
        """The first 16 characters of a SHA-256 of all values: comments and layout of the file do not count."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FrozenPlan:
    """A plan as it was recorded."""

    time: datetime
    """Local time, as of runs."""
    commit: str
    """The commit of fmask; empty if it was not recorded."""
    content: PlanContent

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {"time": self.time.isoformat(), "commit": self.commit, **asdict(self.content)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FrozenPlan":
        """Return the plan of JSON values.

        Raises:
            ValueError: a value is missing or not of its type.
        """
        try:
            content = {each.name: values[each.name] for each in fields(PlanContent)}
            content |= {name: tuple(content[name]) for name in ("seeds", "family")}
            rows = {str(name): {**row} for name, row in content["rows"].items()}
            time = datetime.fromisoformat(values["time"]).replace(tzinfo=None)
            return cls(time, values["commit"], PlanContent(**{**content, "rows": rows}))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a plan of the study cannot be read: {error!r}") from error


def frozen_plans(runs: Sequence[tracking.RunInfo]) -> tuple[FrozenPlan, ...]:
    """Read the plans of a study, oldest first.

    Args:
        runs: all MLflow runs of the study.

    Raises:
        UserError: the store cannot be used, has lost the artifacts of a plan, or has a damaged plan.
    """
    plans = []
    for run in sorted((run for run in runs if PLAN_TAG in run.tags), key=lambda run: (run.started, run.id)):
        if values := tracking.read_json(run, PLAN_JSON):  # else its recording was interrupted
            commit = run.tags.get("mlflow.source.git.commit", "")
            try:
                plans.append(FrozenPlan.from_json({**values, "time": run.started.isoformat(), "commit": commit}))
            except ValueError as error:
                raise UserError(f"{PLAN_JSON} of the MLflow run {run.id} is damaged: {error}.") from error
    return tuple(plans)


def changes(old: PlanContent, new: PlanContent) -> list[str]:
    """Return what changed between two plans, one phrase for each value: `margin: 0.05 → 0.1`."""
    found = []
    for each in fields(PlanContent):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if each.name == "rows":
            found += _row_changes(before, after)
        elif each.name == "family":
            if kept_out := [name for name in before if name not in after]:
                found.append(f"family: without {'; '.join(kept_out)}")
            if joined := [name for name in after if name not in before]:
                found.append(f"family: with {'; '.join(joined)}")
        elif before != after:
            found.append(f"{each.name}: {_shown(before)} → {_shown(after)}")
    return found


def setting_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the settings that differ, as `lr 0.001 → 0.01`."""
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [f"{key} {old.get(key, 'not set')} → {new.get(key, 'not set')}" for key in keys]


def _row_changes(before: Mapping[str, dict[str, str]], after: Mapping[str, dict[str, str]]) -> list[str]:
    found = [f"row removed: {name}" for name in before if name not in after]
    found += [f"row added: {name}" for name in after if name not in before]
    changed: dict[str, list[str]] = {}
    kept = [name for name in before if name in after]
    for name in kept:
        if listed := ", ".join(setting_changes(before[name], after[name])):
            changed.setdefault(listed, []).append(name)
    for listed, names in changed.items():
        which = "all rows" if len(names) == len(kept) > 1 else f"row {'; '.join(names)}"
        found.append(f"settings of {which}: {listed}")
    return found


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
