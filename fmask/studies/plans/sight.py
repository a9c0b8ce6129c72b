"""What a plan can find: the smallest difference in the primary score that its runs would show, and their cost."""

from math import isfinite, isnan

import numpy as np

from fmask.studies.pilot import read_variances
from fmask.studies.plans.file import ACCURACY
from fmask.studies.plans.load import LoadedPlan, describe_score, read_pilot
from fmask.studies.variances import Question

POWER = 0.8
"""The probability with which the smallest detectable difference is found."""


def sight_notes(plan: LoadedPlan) -> list[str]:
    """Return sentences about what a plan can find, as estimated from its pilot study.

    Raises:
        UserError: the pilot study does not exist, or does not show how much the score varies.
    """
    content = plan.content
    folds = f" and {content.folds} folds" if content.folds else ""
    seeds = f"{len(content.seeds)} seed{'s' * (len(content.seeds) > 1)}"
    notes = [
        f"{plan.runs} runs: {len(content.rows)} rows, each with {seeds}{folds}.",
        f"Primary score: {describe_score(content.score, content.confidence)} against {content.baseline}, Holm-adjusted "
        f"for {len(content.family)} comparison{'s' * (len(content.family) > 1)} at alpha "
        f"{content.alpha:g}; differences below {content.margin:g} are of no interest.",
    ]
    if plan.objects != content.objects:
        notes.append(f"The data has {plan.objects} test objects now; the plan expects {content.objects}.")
    pilot = read_pilot(plan)
    if pilot is None:
        return [*notes, "The plan names no pilot study, so the smallest difference that it can find is not known."]
    known = read_variances(pilot, content.confidence, score=None if content.score == ACCURACY else content.score)
    photos = max(2, round(content.objects * plan.photos / plan.objects))
    question = Question(content.margin, POWER, len(content.family), content.alpha)
    smallest = float(known.variances.detectable(question, len(content.seeds), np.array(photos), content.folds))
    if not isfinite(smallest):
        reason = "one seed without folds does not show how much seeds differ"
        few = "so few photos cannot decide"
        alone = len(content.seeds) == 1 and content.folds is None
        notes.append(f"No difference can be found: {reason if alone else few}.")
    else:
        enough = (
            "less than the margin" if smallest <= content.margin else "more than the margin: more seeds or photos help"
        )
        notes.append(
            f"The smallest difference that is found with {100 * POWER:.0f} % power is {smallest:.3f}, {enough}. It is "
            f"estimated from the variances of {pilot.name} for {content.objects} objects in {photos} photos."
        )
    if not isnan(known.cpu_hours):
        hours = plan.runs * known.cpu_hours
        over = ", which is over the budget" if hours > content.budget else ""
        notes.append(
            f"At the mean CPU time of the pilot's runs, the plan needs {hours:.1f} of {content.budget:g} CPU "
            f"hours{over}."
        )
    return notes
