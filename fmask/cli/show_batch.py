"""The command `fmask show-batch`."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.cli.app import TRAIN, app
from fmask.utils.errors import UserError
from fmask.utils.files import check_folder

FORMATS = (".jpg", ".pdf", ".png", ".svg")


@app.command("show-batch", rich_help_panel=TRAIN)
def show_batch(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings as for `fmask train`, such as aug=fliplr_clahe.", metavar="KEY=VALUE"),
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help=f"The file to write, {', '.join(FORMATS)}; replaced if it exists."),
    ] = Path("training_samples.png"),
) -> None:
    """Draw the first training samples as the network would get them, without training.

    The picture shows the crops after jitter and augmentation, with boxes and masks, for each augmentation of the
    schedule. A training with the same settings begins with these samples and logs the same picture.
    """
    if output.suffix.lower() not in FORMATS:
        raise UserError(f"--output must end in one of {', '.join(FORMATS)}, not {output}.")
    check_folder(output)
    from fmask.config.compose import compose_config
    from fmask.config.overrides import check_one_run, resumed_run
    from fmask.config.quoting import as_hydra, check_commas

    typed = list(overrides or ())
    if resumed_run(typed):
        raise UserError("show-batch does not accept resume=RUN; give the settings of the run instead.")
    check_commas("fmask show-batch", typed)
    check_one_run([as_hydra(each) for each in typed], multirun=False, trains=False)
    config = compose_config(typed)
    from fmask.data.open import describe, open_dataset
    from fmask.training.first_samples import training_samples
    from fmask.utils.files import atomic_write

    dataset = open_dataset(config.data, config.fold)
    print(describe(dataset))
    figure = training_samples(config, dataset.splits["train"])
    with atomic_write(output) as draft:
        figure.savefig(draft, format=output.suffix.removeprefix(".").lower())
    print(f"{output} shows the first training samples.")
