"""The entry point of sweeps."""

from pathlib import Path

import hydra

from fmask.sweeping.job import Task
from fmask.sweeping.plugins import register


def main(task: Task, conf: Path, name: str) -> None:
    """Run the sweep that the command line describes, through Hydra; exit with a non-zero status if it fails.

    Args:
        task: the function that each job calls. It must be importable, or be defined under its own name in the script
            that was started.
        conf: folder with the configuration.
        name: name of the configuration in `conf` that the jobs' overrides are applied to.
    """
    register()
    hydra.main(version_base="1.3", config_path=str(conf.resolve()), config_name=name)(task)()
