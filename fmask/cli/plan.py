"""The command `fmask plan`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import RUNS, app


@app.command(rich_help_panel=RUNS)
def plan(
    file: Annotated[Path, typer.Argument(help="The plan, a YAML file; the guide *Plan a study* lists its keys.")],
) -> None:
    """Freeze the plan of a study before its runs.

    The rows, seeds, folds, primary score and comparisons are recorded in the study, so that its table can say which
    comparisons were planned. `fmask sweep plan=FILE` trains the planned runs. A changed plan is recorded as an
    amendment; earlier ones are kept.
    """
    from fmask.studies.plans.freeze import freeze
    from fmask.studies.plans.load import load_plan
    from fmask.studies.plans.sight import sight_notes

    loaded = load_plan(file)
    notes = sight_notes(loaded)  # before anything is recorded: the pilot may be missing
    frozen = freeze(loaded)
    study, digest = loaded.values.study, loaded.content.digest
    what = "plan" if frozen.version == 1 else f"amendment {frozen.version - 1} of the plan"
    if frozen.is_new:
        print(f"Frozen: {what} of the study {study}, digest {digest}, MLflow run {frozen.run}.")
    else:
        print(f"Nothing changed: this is the {what} of the study {study}, digest {digest}, MLflow run {frozen.run}.")
    for change in frozen.changed:
        print(f"- changed: {change}")
    if frozen.is_new and frozen.started:
        print(f"- The study has {frozen.started} runs already; its table names what this changes.")
    for note in notes:
        print(f"- {note}")
    print(f"Next: fmask sweep plan={file}")
