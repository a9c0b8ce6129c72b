"""Checks of a sweep before its first job starts."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fmask.config.overrides import check_overrides, explain
from fmask.sweeping import space
from fmask.sweeping.grid import combinations
from fmask.sweeping.objectives import check_metrics
from fmask.sweeping.plugins import register
from fmask.utils.errors import UserError
from fmask.utils.processors import processors
from fmask.utils.progress import counted
from fmask.utils.secrets import without_secrets

_PLUGINS = {
    "slurm": ("hydra_submitit_launcher", "uv pip install hydra-submitit-launcher==1.2.0"),
    # The plugin asks for an older cloudpickle than fmask's other packages, and works with theirs.
    "ray_cluster": (
        "hydra_ray_launcher",
        "uv pip install 'ray[default]' && uv pip install --no-deps hydra-ray-launcher==1.2.2",
    ),
}
"""Launchers that need another package: its module below `hydra_plugins`, and the command that installs it."""
_AT_LEAST_ONE = ("hydra.launcher.jobs", "hydra.sweeper.trials", "hydra.sweeper.batch")
"""Settings whose values must be at least 1."""


def check(conf: Path, name: str, overrides: list[str], only_shown: bool = False) -> None:
    """Compose and check the configuration of each job of a grid, or of the extremes of a search's space.

    Args:
        conf: folder with the configuration.
        name: name of the configuration in `conf` that the jobs' overrides are applied to.
        overrides: the sweep's overrides, as on the command line.
        only_shown: whether nothing is trained, as with `--help`; then the photos need not be installed.

    Raises:
        UserError: a setting is wrong; the message names its key, its value and what would be right.
    """
    register()
    for override in overrides:
        launcher = override.removeprefix("hydra/launcher=")
        if launcher != override and launcher in _PLUGINS:
            module, command = _PLUGINS[launcher]
            if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{module}") is None:
                raise UserError(f"{override} needs a package that is not installed: {command}")
    check_overrides(conf, name, overrides, only_shown)
    for job in counted(_jobs(conf, name, overrides, only_shown), "Checking jobs"):
        check_overrides(conf, name, job, only_shown)


def _jobs(conf: Path, name: str, overrides: list[str], only_shown: bool) -> list[list[str]]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
        hydra_overrides = [each.input_line or "" for each in parsed if each.is_hydra_override()]
        job_overrides = [each for each in parsed if not each.is_hydra_override()]
        try:
            config = compose(name, hydra_overrides, return_hydra_config=True)
            numbers = {key: OmegaConf.select(config, key) for key in _AT_LEAST_ONE}
            OmegaConf.to_container(config.hydra.sweeper, resolve=True)  # fails if an environment variable is not set
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(without_secrets(explain(error, parsed))) from error
        for key, number in numbers.items():
            if number is not None and number < 1:
                raise UserError(f"{key} must be at least 1, not {number}.")
        settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
        _check_storage(settings.get("storage", ""))
        check_metrics(settings)
        _check_ray(OmegaConf.select(config, "hydra.launcher.ray"), only_shown)
        if "space" in settings:
            return space.probes(*space.split(job_overrides, settings["space"], loader))
        return combinations(job_overrides, settings["rows"])


def _check_ray(ray: Any, only_shown: bool) -> None:
    """Refuse jobs that would wait forever, because a Ray that is started on this machine has too few processors.

    On a running cluster, say what each job waits for.
    """
    if ray is None:
        return
    wanted = OmegaConf.select(ray, "remote.num_cpus") or 0
    if (address := OmegaConf.select(ray, "init.address")) or os.environ.get("RAY_ADDRESS"):
        if not only_shown:
            place = address or os.environ["RAY_ADDRESS"]
            print(
                f"Each job waits for a machine of the Ray cluster {without_secrets(str(place))} with {wanted:g} free "
                "processors (hydra.launcher.ray.remote.num_cpus).",
                flush=True,
            )
    elif wanted > (here := OmegaConf.select(ray, "init.num_cpus") or processors()):
        raise UserError(
            f"hydra.launcher.ray.remote.num_cpus={wanted:g}: Ray on this machine has {here} processors, so that each "
            f"job would wait forever; it must be at most {here}."
        )


def _check_storage(storage: str) -> None:
    """Refuse a password that is not interpolated: Hydra writes the setting, unresolved, into each job's folder."""
    literal = re.sub(r"\$\{[\w.:]+\}", "", storage)
    if without_secrets(literal) != literal:
        raise UserError(
            f"hydra.sweeper.storage={without_secrets(storage)} contains a password, which would be saved in each job's "
            "folder: put the address into an environment variable and set hydra.sweeper.storage='${oc.env:NAME}', "
            "where NAME is the variable."
        )
