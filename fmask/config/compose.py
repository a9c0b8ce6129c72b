"""Compose a checked configuration from command-line overrides."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fmask
from fmask.config.schema import Config
from fmask.config.user_conf import register_user_conf
from fmask.data.config import photos_root
from fmask.model.precision import fastest
from fmask.model.weights.pretrained import coco_file
from fmask.utils.errors import UserError
from fmask.utils.processors import processors


def conf_folder() -> Path:
    """Return the folder of the YAML configuration files, in the installed package or in a source checkout."""
    package = Path(fmask.__file__).resolve().parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def register() -> None:
    """Register the schema with Hydra, and resolvers for defaults that depend on the installation.

    Call this before composing a configuration.
    """
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    ConfigStore.instance().store(name="schema", node=Config)
    for name, choose in {
        "installed_data": _installed_data,
        "installed_recipe": lambda: "report" if coco_file().exists() else "transfer",
        "fastest_precision": fastest,
    }.items():
        OmegaConf.register_new_resolver(name, choose, replace=True)
    OmegaConf.register_new_resolver("by_data", _by_data, replace=True)
    register_user_conf()
    OmegaConf.register_new_resolver("ray_processors", _ray_processors, replace=True)


def _by_data(name: str, value: Any, otherwise: Any, *, _root_: Any) -> Any:
    """Return `value` if the configuration's data set has this name, else `otherwise`."""
    return value if _root_.data.name == name else otherwise


def _ray_processors(wanted: int, address: str | None) -> int:
    """Return the processors that a job asks Ray for: at most those of this machine, if Ray is started on it."""
    return wanted if address or "RAY_ADDRESS" in os.environ else min(wanted, processors())


def _installed_data() -> str:
    try:
        return "photos" if photos_root() else "rendered"
    except UserError:  # a wrong FMASK_PHOTOS is reported when a run is checked; help and --cfg work without it
        return "photos"


def compose_config(overrides: Sequence[str] = ()) -> Config:
    """Compose and check the configuration that `train.py` would run with.

    Args:
        overrides: overrides as on the command line, such as `["aug=fliplr_clahe", "steps=50"]`.

    Raises:
        UserError: a key or a value is wrong; the message names it and the allowed values.
    """
    from fmask.config.overrides import check_one_run, compose_one, rename_batch
    from fmask.config.quoting import as_hydra

    if isinstance(overrides, str):
        raise UserError(f"Overrides must be a list, such as [{overrides!r}], not a string.")
    register()
    typed = [as_hydra(rename_batch(override)) for override in overrides]
    check_one_run(typed, multirun=False)
    return compose_one(conf_folder(), "train", typed)
