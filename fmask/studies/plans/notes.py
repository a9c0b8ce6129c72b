"""The notes of a table about its study's plan."""

from fmask.studies.plans.check import PlanCheck
from fmask.studies.plans.load import describe_score


def plan_notes(check: PlanCheck) -> list[str]:
    """Return the notes about a plan, one sentence or two each; each change has a note of its own."""
    reference, plan = check.reference, check.reference.plan
    content = plan.content
    first = f"{reference.first_run:%Y-%m-%d %H:%M}"
    frozen = f"frozen at {plan.time:%Y-%m-%d %H:%M}, digest {content.digest}"
    replaced = f", after {reference.before} earlier one{'s' * (reference.before > 1)}" * bool(reference.before)
    score = describe_score(content.score, content.confidence)
    notes = [f"Question of the plan ({frozen}{replaced}): {content.question}"]
    if reference.late:
        notes.append(
            f"The plan was frozen after the first run had started, at {first}, so no comparison counts as planned."
        )
    else:
        notes.append(
            f"Planned: the comparison was planned before the first run started: {score} against {content.baseline}, "
            f"Holm-adjusted for the {check.family} comparison{'s' * (check.family > 1)} of the plan, alpha "
            f"{content.alpha:g}, margin {content.margin:g}. Not planned: found afterwards, Holm-adjusted for all rows."
        )
    if check.missing:
        notes.append(
            f"{check.missing_runs} of {check.planned_runs} planned runs are missing: {'; '.join(check.missing)}."
        )
    for time, changed in reference.amendments:
        notes += [f"Changed after the first run had started, at {time:%Y-%m-%d %H:%M}: {each}." for each in changed]
    notes += [f"Different from the plan: {each}." for each in check.different]
    return notes
