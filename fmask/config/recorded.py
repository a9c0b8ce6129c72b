"""The settings of recorded runs, perhaps of an earlier version, under the names and with the values of today."""

from collections.abc import Mapping
from typing import Any

from fmask.structures.classes import UNNAMED
from fmask.utils.renamed_settings import rename_settings


def current_settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's nested settings under their present keys.

    Versions up to 0.2.0 recorded no classes; theirs are added.

    Args:
        recorded: the settings, as in a run's `config.yaml` or checkpoint.
    """
    settings = rename_settings(recorded)
    if isinstance(settings.get("data"), dict):
        settings["data"].setdefault("classes", list(UNNAMED))
    return settings
