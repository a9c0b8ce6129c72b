"""Where the runs of a study come from: MLflow, files of `fmask table --save-runs`, or both."""

from collections.abc import Sequence
from pathlib import Path

from fmask.studies.runs import Study, collect, merge
from fmask.studies.runs_file import read_runs

DEFAULT_STUDY = "fmask"
"""The study that is read if neither a study nor a file is given: the default of the setting `study`."""


def read_study(name: str | None, files: Sequence[Path] = (), parents: bool = False) -> Study:
    """Read the runs of a study, and merge those of several sources.

    Args:
        name: an MLflow experiment, the setting `study` of its runs; None: the files alone, or `DEFAULT_STUDY` without
            files.
        files: files of `write_runs`.
        parents: as for `collect`; runs of files keep the level that they were saved at.

    Raises:
        UserError: a file cannot be read, or the experiment has no runs or cannot be read.
    """
    sources = [read_runs(file) for file in files]
    if name or not sources:
        sources.append(collect(name or DEFAULT_STUDY, parents))
    return merge(sources)
