"""The tables of a study: one row for each setting, its seeds pooled, compared with a baseline and published results."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from statistics import mean, stdev

from fmask.evaluation.outcomes import Rate
from fmask.studies.average_precision import precisions_of
from fmask.studies.choice import scored_by_data, test_data, uses
from fmask.studies.comparison import Comparison, compare
from fmask.studies.counts import Counts, accuracy_difference
from fmask.studies.folds import SeedScores, unit_of
from fmask.studies.grouping import group_runs
from fmask.studies.missing import without_artifacts
from fmask.studies.plans.check import PlanCheck, Reference, baseline_row, check_table, family_of, reference_plan
from fmask.studies.plans.file import ACCURACY
from fmask.studies.published import DATA, ONE_PART, Published, read_published
from fmask.studies.runs import SHARE, WHOLE, Study, StudyRun
from fmask.studies.settings import differing, shortest_names
from fmask.utils.errors import UserError

NOT_SET = "-"
"""Shown for a setting that a row does not have, such as a setting of the second part of a one-part training."""


@dataclass(frozen=True)
class Row:
    """One setting, with the counts of all its runs added up."""

    number: int
    """From 1, in the order in which the settings were first run, so that a new setting changes no existing number."""
    settings: tuple[str, ...]
    """The values of the table's columns."""
    runs: int
    found: int
    wrong: int
    missed: int
    spurious: int
    accuracy: Rate
    """Its interval, like the others, is for other photos and other seeds; for a single run, for other photos."""
    precision: Rate
    """The published study's precision, which ignores spurious detections."""
    precision_all: Rate
    """The share of right detections among all detections."""
    val_mask_ap50: float
    """Mean over the runs that logged it; NaN if no run did."""
    val_mask_ap50_sd: float
    """Standard deviation between runs; NaN for fewer than two runs."""
    cpu_seconds: float
    """Mean over the runs that logged it; NaN if no run did."""
    train_photos: float
    """Mean number of photos that its runs were trained on; NaN if it was not recorded."""
    published: tuple[Published, ...]
    """The trainings of the published study with the same setting; none on other data than its photographs."""
    comparison: Comparison | None
    """Of the accuracy; None for the baseline."""
    seeds: int
    """Number of seeds; with folds, each has a run for each fold."""
    precisions: dict[str, Rate]
    """Average precision of masks in the test photos: `mask_ap`, `mask_ap50` and `mask_ap50_<class>`; empty if a run did
    not log its matches."""
    precision_comparisons: dict[str, Comparison]
    """The comparisons of these; empty for the baseline."""


@dataclass(frozen=True)
class StudyTable:
    """The rows of a study, and the facts that they share."""

    study: str
    confidence: float
    """Detections with a lower score were not counted."""
    baseline: int
    """Number of the row that the others are compared with."""
    columns: tuple[str, ...]
    """The settings that differ between rows, each by its shortest unambiguous name."""
    implied: tuple[str, ...]
    """Settings that also differ, but are determined by the recipe or the schedule."""
    recipe: str | None
    """The recipe of all rows; None if they have several, which `columns` then shows, or if it was not logged."""
    rows: tuple[Row, ...]
    data: str
    """The test data, as `name@digest`."""
    objects: int
    """Number of annotated objects in the test photos."""
    photos: int
    """Number of test photos with annotated objects."""
    groups: int | None
    """Number of groups that they belong to, those that are in no group each counted as one; None without groups."""
    left_out: dict[str, int]
    """Number of runs that are in no table, by reason; the first table of a study has those of all data sets."""
    folds: int | None
    """Number of folds, each of which is the test split of other runs; None without folds."""
    margin: float | None
    """Settings that differ by less are called equivalent; None: not tested."""
    plan: PlanCheck | None
    """The check against the study's plan; None if it has none."""
    detections_known: bool
    """Whether the number of detections in each photo is known; if not, `precision_all` is approximate."""


def tabulate(
    study: Study,
    confidence: float | None = None,
    baseline: int | None = None,
    data: str | None = None,
    margin: float | None = None,
) -> list[StudyTable]:
    """Build the tables of a study, one for each data set, that of the latest run first.

    Args:
        study: the study's runs.
        confidence: detections with a lower score do not count; None: that of the study's plan, or else the
            `min_confidence` of the runs.
        baseline: number of the row that the others are compared with; None: that of the study's plan, or else 1.
        data: use only runs on this data, the `name` or `name@digest` of any of their splits; None: all runs.
        margin: rows that differ from the baseline by less are tested for being equivalent to it; None: that of the
            study's plan, or else not tested.

    Raises:
        UserError: no run is left, the runs of a data set differ in `min_confidence` or in their objects, or a table has
            no row `baseline`.
    """
    chosen = [run for run in study.runs if uses(run, data)]
    groups = scored_by_data(study, data)
    unscored = Counter(
        run.status.lower() if run.status != "FINISHED" else "finished without test scores"
        for run in chosen
        if not run.counts and not run.missing_artifacts
    )
    unscored.update(without_artifacts(chosen))
    reference = reference_plan(study)
    if reference:
        confidence = reference.plan.content.confidence if confidence is None else confidence
        margin = reference.plan.content.margin if margin is None else margin
    tables: list[StudyTable] = []
    for runs in groups:
        left_out = Counter() if tables else unscored
        several = len(groups) > 1
        tables.append(_table(study.name, runs, confidence, baseline, margin, left_out, several, reference))
    return tables


def _table(
    study: str,
    runs: Sequence[StudyRun],
    confidence: float | None,
    baseline: int | None,
    margin: float | None,
    unscored: Counter[str],
    several: bool,
    reference: Reference | None,
) -> StudyTable:
    data = test_data(runs[0]) or "not logged"
    grouped = group_runs(study, runs, confidence)
    confidence, groups, counts = grouped.confidence, grouped.groups, grouped.counts
    settings = [group[0].runs[0].params for group in groups]
    baseline = baseline_row(reference, settings) if baseline is None else baseline
    if not 1 <= baseline <= len(groups):
        choose = f" in the table of the runs on {data}; --data chooses a data set" if several else ""
        raise UserError(f"The baseline must be a row from 1 to {len(groups)}, not {baseline}{choose}.")
    keys, implied = differing(settings)
    published = read_published() if data.partition("@")[0] == DATA else []
    left_out = Counter(unscored)
    if without := len(runs) - len(grouped.scored):
        left_out[f"not scored at confidence {confidence:g}"] = without
    if grouped.repeated:
        left_out["repeated later with the same settings and seed"] = grouped.repeated
    left_out.update(grouped.incomplete)
    precisions = precisions_of(groups)
    first, others = baseline - 1, [index for index in range(len(groups)) if index != baseline - 1]
    families = {
        name: family_of(reference, groups, baseline, confidence, margin, name)
        for name in (ACCURACY, *precisions.common)
    }
    differences = {index: accuracy_difference(counts[first], counts[index]) for index in others}
    compared = compare(differences, margin, families[ACCURACY])
    of_precision = {
        name: compare({index: precisions.difference(name, first, index) for index in others}, margin, families[name])
        for name in precisions.common
    }
    return StudyTable(
        study=study,
        confidence=confidence,
        baseline=baseline,
        columns=shortest_names(keys),
        implied=implied,
        recipe=None if "recipe" in keys else grouped.scored[0].params.get("recipe"),
        rows=tuple(
            _row(
                index + 1,
                groups[index],
                counts[index],
                compared.get(index),
                keys,
                published,
                precisions.rates(index),
                {name: each[index] for name, each in of_precision.items() if index in each},
            )
            for index in range(len(groups))
        ),
        data=data,
        objects=len(grouped.objects),
        photos=len(photos := {photo for photo, _ in grouped.objects}),
        groups=_groups(groups, photos),
        left_out=dict(left_out),
        folds=len(groups[0][0].runs) if groups[0][0].folds else None,
        margin=margin,
        plan=check_table(reference, grouped.scored, groups, baseline, confidence, margin, len(grouped.objects)),
        detections_known=all(seed.scored.detections is not None for group in groups for seed in group),
    )


def _groups(settings: Sequence[Sequence[SeedScores]], photos: set[str]) -> int | None:
    """Return the number of units that photos belong to; None if no photo is in a group."""
    seeds = [seed for setting in settings for seed in setting]
    return len(set(map(unit_of(seeds), photos))) if any(seed.groups for seed in seeds) else None


def _row(
    number: int,
    seeds: Sequence[SeedScores],
    counts: Counts,
    comparison: Comparison | None,
    keys: Sequence[str],
    published: Sequence[tuple[dict[str, str], Published]],
    precisions: dict[str, Rate],
    precision_comparisons: dict[str, Comparison],
) -> Row:
    runs = [run for seed in seeds for run in seed.runs]
    params = runs[0].params
    average_precision = [run.val_mask_ap50 for run in runs if run.val_mask_ap50 is not None]
    cpu_seconds = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    return Row(
        number=number,
        settings=tuple(params.get(key, WHOLE if key == SHARE else NOT_SET) for key in keys),
        runs=len(runs),
        found=int(counts.found.sum()),
        wrong=int(counts.wrong.sum()),
        missed=int(counts.missed.sum()),
        spurious=counts.spurious,
        accuracy=counts.accuracy,
        precision=counts.precision,
        precision_all=counts.precision_all,
        val_mask_ap50=mean(average_precision) if average_precision else nan,
        val_mask_ap50_sd=stdev(average_precision) if len(average_precision) > 1 else nan,
        cpu_seconds=mean(cpu_seconds) if cpu_seconds else nan,
        train_photos=mean(run.train_photos or nan for run in runs),
        published=tuple(results for setting, results in published if setting.items() <= {**ONE_PART, **params}.items()),
        comparison=comparison,
        seeds=len(seeds),
        precisions=precisions,
        precision_comparisons=precision_comparisons,
    )
