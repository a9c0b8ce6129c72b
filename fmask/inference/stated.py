"""Networks of weight files without a description of the network, such as those that matterport's own code writes.

The user states the settings of the network as overrides. They begin from `recipe=report`, whose network is that of the
reference implementation.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import h5py

from fmask.config.compose import compose_config
from fmask.model.config import ModelConfig
from fmask.model.weights.metadata import NetworkMetadata
from fmask.utils.errors import UserError

CLASSES = "data.classes"
KEYS = ("recipe", "backbone", "image_size", "antialias", CLASSES, *(field.name for field in fields(ModelConfig)))
"""The groups and settings that define a network."""
EXAMPLE = "`--set recipe=report` or `--set backbone=resnet101 --set image_size=1024`"


def stated_network(path: Path, settings: Sequence[str]) -> NetworkMetadata | None:
    """Return the description of a network that a weight file lacks, from overrides.

    Args:
        path: the weight file.
        settings: overrides of `KEYS`, such as `["backbone=resnet101", "image_size=1024"]`.

    Returns:
        The description; None if there are no settings because the file describes its network itself.

    Raises:
        UserError: a setting is wrong or does not define a network; the file lacks a description and no settings are
            given; or it has one and settings are given.
    """
    if not _is_undescribed(path):
        if settings:
            raise UserError(f"{path} contains the settings of its network; remove --set {settings[0]}.")
        return None
    if not settings:
        raise UserError(
            f"{path} is not a network saved by fmask: it lacks the attribute fmask, which describes the network; for a "
            f"weight file of matterport's code, state the settings of the network, such as {EXAMPLE}."
        )
    for each in settings:
        key = each.lstrip("+").partition("=")[0]
        if key != CLASSES and key.split(".")[0] not in KEYS:
            raise UserError(f"--set {each}: only settings of the network can be stated: {', '.join(KEYS)}.")
    recipe = [] if any(each.startswith("recipe=") for each in settings) else ["recipe=report"]
    config = compose_config([*recipe, *settings, "weights=none", "data=rendered"])
    classes = tuple(config.data.classes or ())
    return NetworkMetadata(
        config.backbone.name, config.network_settings(), config.image_size, config.antialias, classes
    )


def _is_undescribed(path: Path) -> bool:
    """Return whether this is an HDF5 file without metadata of fmask; other files are refused when they are read."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path) as file:
            return "fmask" not in file.attrs
    except (OSError, RuntimeError):
        return False
