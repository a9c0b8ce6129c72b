"""A plan read from its file, with all that the file refers to: rows, data and pilot study."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fmask.studies.average_precision import AP50
from fmask.studies.plans.file import ACCURACY, PlanFile, parse_plan, read_text
from fmask.studies.plans.frozen import PlanContent
from fmask.studies.plans.rows import PlannedRow, compose_rows, named_rows
from fmask.studies.runs import CONFIDENCES, Study, collect
from fmask.studies.runs_file import read_runs
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class LoadedPlan:
    """A plan that has been checked."""

    file: Path
    text: str
    """The content of the file."""
    values: PlanFile
    rows: dict[str, PlannedRow]
    content: PlanContent
    objects: int
    """Number of annotated test objects in the data now."""
    photos: int
    """Number of test photos with objects in the data now."""

    @property
    def runs(self) -> int:
        """The number of planned runs."""
        return len(self.rows) * len(self.values.seeds) * (self.values.folds or 1)


def load_plan(file: Path) -> LoadedPlan:
    """Read a plan, compose its rows and read its data.

    Raises:
        UserError: the file, a row or the data is wrong; the message names the key and what would be right.
    """
    text, place = read_text(file), str(file)
    values = parse_plan(text, place)
    rows = compose_rows(values, place)
    baseline = named_rows(values.baseline, rows, place, "baseline")
    if len(baseline) > 1:
        raise UserError(f"{place}: baseline must be one row, not {values.baseline}.")
    others = [name for name in rows if name != baseline[0]]
    if not others:
        raise UserError(f"{place}: rows must have a row besides the baseline, {baseline[0]}.")
    family = others
    if values.family is not None:
        family = [name for line in values.family for name in named_rows(line, rows, place, "family")]
        if baseline[0] in family:
            raise UserError(f"{place}: family must not have the baseline, {baseline[0]}.")
        if repeated := [name for name in family if family.count(name) > 1]:
            raise UserError(f"{place}: family has {repeated[0]} twice.")
    _check_confidence(values, rows, place)
    data, objects, photos = _read_data(values, rows, place)
    content = PlanContent(
        study=values.study,
        question=values.question,
        rows={name: row.params for name, row in rows.items()},
        baseline=baseline[0],
        seeds=tuple(sorted(values.seeds)),
        folds=values.folds,
        score=values.score,
        confidence=float(values.confidence),
        family=tuple(sorted(family)),
        margin=float(values.margin),
        alpha=float(values.alpha),
        objects=values.objects,
        budget=float(values.budget),
        pilot=values.pilot,
        data=data,
    )
    return LoadedPlan(file, text, values, rows, content, objects, photos)


def read_pilot(plan: LoadedPlan) -> Study | None:
    """Read the study that a plan names as its pilot; None if it names none.

    Raises:
        UserError: there is no such file or study.
    """
    if not plan.values.pilot:
        return None
    if plan.values.pilot.endswith((".csv", ".csv.gz")):
        return read_runs(plan.file.parent / plan.values.pilot)
    return collect(plan.values.pilot)


def _check_confidence(plan: PlanFile, rows: Mapping[str, PlannedRow], place: str) -> None:
    if plan.confidence in CONFIDENCES:
        return
    for name, row in rows.items():
        if row.config.min_confidence != plan.confidence:
            known = " or ".join(f"{each:g}" for each in CONFIDENCES)
            raise UserError(
                f"{place}: confidence must be {known}, or the min_confidence of all rows, not {plan.confidence:g}; "
                f"that of row {name} is {row.config.min_confidence:g}."
            )


def _read_data(plan: PlanFile, rows: Mapping[str, PlannedRow], place: str) -> tuple[str, int, int]:
    """Return the test data, as `name@digest`, and the numbers of their objects and of their photos with objects.

    Raises:
        UserError: the data has no test photos, rows have different ones, or the primary score is of a class that these
            lack.
    """
    from fmask.data.open import open_dataset

    found: dict[str, str] = {}
    known: list[Any] = []
    for name, row in rows.items():
        data = replace(row.config.data, share=1.0)  # test photos do not depend on it
        if data in known:
            continue
        known.append(data)
        dataset = open_dataset(data, 1 if plan.folds else None)
        if not plan.folds and "test" not in dataset.splits:
            raise UserError(f"{place}: {dataset.root} has no test photos, which a plan needs; `folds: 5` makes some.")
        splits = dataset.splits.values() if plan.folds else [dataset.splits["test"]]
        found[f"{dataset.name}@{dataset.digests()['folds' if plan.folds else 'test'][:16]}"] = name
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        raise UserError(f"{place}: rows must have the same test photos; {first} has {one}, {second} has {other}.")
    of_class = sum((Counter(split.objects_of()) for split in splits), Counter[str]())
    wanted = plan.score.partition(f"{AP50}_")[2]
    if wanted and not of_class[wanted]:
        raise UserError(f"{place}: score must be of a class with test objects, {', '.join(of_class)}, not {wanted}.")
    photos = sum(any(not region.ignore for region in photo.regions) for split in splits for photo in split.photos)
    return next(iter(found)), of_class.total(), photos


def describe_score(score: str, confidence: float) -> str:
    """Return the primary score in words."""
    return f"{score} at confidence {confidence:g}" if score == ACCURACY else score
