"""The plan of a study for the terminal."""

from math import isfinite, isnan, sqrt

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fmask.studies.power import Plan


def show_plan(plan: Plan, console: Console) -> None:
    """Print the sizes of the planned study as a table, and what they were computed from."""
    question = plan.question
    others = "" if question.comparisons == 1 else f", the first of Holm's {question.comparisons} comparisons"
    title = f"To find a difference of accuracy of {question.difference:g} with power {question.power:g}{others}"
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in ("folds", "seeds", "photos", "objects", "runs", "CPU hours"):
        table.add_column(header, justify="right")
    table.add_column("")
    for size in plan.sizes:
        hours = "-" if isnan(size.cpu_hours) else f"{size.cpu_hours:.1f}"
        needs = ["-"] * 4 if size.photos is None else [str(size.photos), str(size.objects), str(size.runs), hours]
        table.add_row(str(size.folds or "-"), str(size.seeds), *needs, size.reason)
    console.print(table)
    for note in plan_notes(plan):
        console.print(Text(f"- {note}"))


def plan_notes(plan: Plan) -> list[str]:
    """Return the notes that explain a plan, one or two sentences each."""
    question, parts = plan.question, plan.variances
    settings = question.comparisons + 1
    low, high = (f"{each:.2f}" for each in plan.seen)
    if isnan(plan.seen[0]):
        seen = "could not test any difference, because a setting of each comparison has one seed"
    elif not isfinite(plan.seen[0]):
        seen = "could not find any difference: it has too few photos"
    else:
        seen = f"finds a difference of {low if low == high else f'{low} to {high}'} with this power"
    return [
        f"Test photos with objects and their objects, each scored once by each seed; runs and CPU hours of {settings} "
        "settings, at the mean CPU time of the study's runs.",
        f"The study {plan.study!r} ({plan.photos} photos, {plan.objects} objects of {plan.data}, {plan.rows} settings, "
        f"confidence {plan.confidence:g}) {seen}.",
        f"Standard deviations in that study: {sqrt(parts.seeds):.3f} of the accuracy between seeds; "
        f"{sqrt(parts.photos):.3f} of the difference between photos; {sqrt(parts.rest):.3f} of everything else.",
        "They are estimates: a study with few photos or seeds gives a rough plan."
        + " A standard deviation of 0 means that the study is too small to measure it; the plan is then probably too "
        "small." * (0 in (parts.seeds, parts.photos)),
    ]
