"""The title and the notes of a study's table."""

from collections.abc import Sequence
from math import isfinite, isnan

from fmask.studies.comparison import ONE_SEED, Comparison
from fmask.studies.plans.notes import plan_notes
from fmask.studies.table import StudyTable

MARK = "*"
"""Beside the intervals of a row with a single run, in a table with rows of several."""
FEW_PHOTOS = 20
"""With fewer photos, intervals are wider than their level requires; see `experiments/statistics`."""
UNKNOWN_DETECTIONS = (
    " The file of the runs does not say in which photo each spurious detection is, nor how many detections an object "
    "found wrongly has: a spurious detection counts in a photo of its own, such an object as one detection, so that "
    "the interval may be too narrow."
)


def title(table: StudyTable) -> str:
    """Return the first line of a table: study, number of runs, test data and confidence."""
    runs = sum(row.runs for row in table.rows)
    folds = f" in {table.folds} folds" if table.folds else ""
    return f"{table.study}: {runs} run{'s' * (runs > 1)} on {table.data}{folds}, confidence {table.confidence:g}"


def notes(table: StudyTable) -> list[str]:
    """Return the notes that explain the table, one or two sentences each."""
    seeds = {row.runs > 1 for row in table.rows}
    units = "photos" if table.groups is None else "groups of photos"
    sentences = [
        f"{table.objects} objects in {table.photos} test photos, counted as in the published study. Detections with a "
        f"score below {table.confidence:g} are ignored. Counts are sums over runs.",
        "Precision (study): found / (found + wrong), the published study's. Precision (all): found / all detections."
        + UNKNOWN_DETECTIONS * (not table.detections_known),
    ]
    if table.folds:
        sentences.append(
            f"Folds: each photo is scored once for each seed, by a network that was trained without its fold, one of "
            f"{table.folds}."
        )
    if table.groups is not None:
        sentences.append(f"The photos belong to {table.groups} groups (data.groups), which count as one photo each.")
    if (table.groups or table.photos) < FEW_PHOTOS:
        sentences.append(
            f"With fewer than {FEW_PHOTOS} {units}, intervals are wider than 95 % requires, and tests find less than "
            f"with more {units}: so few do not show how different other {units} are."
        )
    if True in seeds:
        sentences.append(f"In parentheses: 95 % intervals for other {units} and other seeds of the setting.")
    if False in seeds:
        star = f"{MARK}: one" if True in seeds else "In parentheses: 95 % intervals. Each row has a single"
        sentences.append(
            f"{star} seed, so the interval is for this trained network on other {units}, not for other seeds."
        )
    if len(table.rows) > 1:
        sentences += _about_tests(table, units)
    if table.recipe:
        sentences.append(f"All rows: recipe={table.recipe}.")
    if any(row.published for row in table.rows):
        sentences.append(
            "Published: accuracy, precision of each training of the published study (ResNet-50, COCO weights, "
            "confidence 0.9) with the row's aug, steps, val_steps and schedule; backbone and weights may differ."
        )
    if table.implied:
        sentences.append(f"Also different, because of the recipe or the schedule: {', '.join(table.implied)}.")
    if table.left_out:
        reasons = ", ".join(f"{count} {why}" for why, count in table.left_out.items())
        sentences.append(f"Runs left out: {reasons}.")
    if table.plan:
        sentences += plan_notes(table.plan)
    return sentences


def _about_tests(table: StudyTable, units: str) -> list[str]:
    compared = [row.comparison for row in table.rows if row.comparison]
    tested = sum(each.verdict != ONE_SEED for each in compared)
    sentences = []
    if tested:
        adjusted = "" if table.plan else f", Holm-adjusted for {tested} comparison{'s' * (tested > 1)}"
        sentences.append(
            f"p: t-test of the accuracy against row {table.baseline} for other {units} and other seeds, paired by "
            f"{units[:-1] if table.groups is None else 'group'}{adjusted}."
        )
        sentences += _about_power(table, compared)
    if tested < len(compared):
        sentences.append(
            "One seed: this row or the row that it is compared with has a single run, which does not show how much "
            "seeds differ, so the difference is not tested."
        )
    return sentences


def _about_power(table: StudyTable, compared: Sequence[Comparison]) -> list[str]:
    known = sorted(each.detectable for each in compared if not isnan(each.detectable))
    sentences = []
    if table.margin is not None:
        sentences.append(
            f"Equivalent: the difference is less than {table.margin:g} in either direction, shown by two one-sided "
            "t-tests, Holm-adjusted."
        )
    if not isfinite(known[-1]):
        sentences.append("So few photos cannot show a difference, however large it is.")
    else:
        most = "" if f"{known[0]:.2f}" == f"{known[-1]:.2f}" else f" to {known[-1]:.2f}"
        sentences.append(
            f"Undecided does not mean equal: this table finds a true difference in accuracy of {known[0]:.2f}{most} in "
            "80 % of such studies, and smaller ones less often."
        )
    return sentences
