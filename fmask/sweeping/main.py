"""From a command line to a sweep."""

from pathlib import Path

import hydra

from fmask.sweeping.job import Task
from fmask.sweeping.plugins import register


def main(task: Task, conf: Path, name: str) -> None:
    """Runs the sweep that the command line describes with Hydra, and exits non-zero if it fails.

    Args:
        task: what each job does; it must be importable, or be in the script that was started, under its own name.
        conf: folder with the configuration.
        name: the configuration in it that jobs start from.
    """
    register()
    hydra.main(version_base="1.3", config_path=str(conf.resolve()), config_name=name)(task)()
