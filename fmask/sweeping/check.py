"""Every job of a sweep is looked at before the first one starts."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fmask.config.overrides import check_overrides, explain
from fmask.sweeping import space
from fmask.sweeping.grid import combinations
from fmask.sweeping.plugins import register
from fmask.utils.errors import UserError
from fmask.utils.secrets import without_secrets

_PLUGINS = {
    "slurm": ("hydra_submitit_launcher", "hydra-submitit-launcher==1.2.0"),
    "ray_cluster": ("hydra_ray_launcher", "hydra-ray-launcher==1.2.2"),
}


_FROM_ONE = ("hydra.launcher.jobs", "hydra.sweeper.trials", "hydra.sweeper.batch")
"""Settings that are numbers from 1 up."""


def check(conf: Path, name: str, overrides: list[str]) -> None:
    """Composes the configuration of each job of a grid, and those at the ends of a search's space.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    register()
    for override in overrides:
        chosen = override.removeprefix("hydra/launcher=")
        if chosen != override and chosen in _PLUGINS:
            module, package = _PLUGINS[chosen]
            if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{module}") is None:
                raise UserError(f"{override} needs a package that is not installed: uv pip install {package}")
    check_overrides(conf, name, overrides)
    for job in _jobs(conf, name, overrides):
        check_overrides(conf, name, job)


def _jobs(conf: Path, name: str, overrides: list[str]) -> list[list[str]]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(overrides)
        of_hydra = [each.input_line or "" for each in parsed if each.is_hydra_override()]
        own = [each for each in parsed if not each.is_hydra_override()]
        try:
            config = compose(name, of_hydra, return_hydra_config=True)
            numbers = {key: OmegaConf.select(config, key) for key in _FROM_ONE}
            OmegaConf.to_container(config.hydra.sweeper, resolve=True)  # what the environment has not is missed here
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(without_secrets(explain(error, parsed))) from error
        for key, number in numbers.items():
            if number is not None and number < 1:
                raise UserError(f"{key}={number}: needed is at least 1.")
        settings: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
        _check_storage(settings.get("storage", ""))
        if "space" in settings:
            return space.probes(*space.split(own, settings["space"], loader))
        return combinations(own)


def _check_storage(written: str) -> None:
    """Refuses a password, but for one that comes from elsewhere: Hydra keeps what was written in each job's folder."""
    own = re.sub(r"\$\{[\w.:]+\}", "", written)
    if without_secrets(own) != own:
        raise UserError(
            f"hydra.sweeper.storage={without_secrets(written)} has a password, which each job's folder would keep: put "
            "the address into an environment variable, and say hydra.sweeper.storage='${oc.env:NAME}' with its name."
        )
