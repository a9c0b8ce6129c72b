"""Renamed settings, so that files and runs of earlier versions remain readable."""

from collections.abc import Mapping
from typing import Any

RENAMED = {
    "fit": "image_size",
    "size": "crop_size",
    "smooth": "antialias",
    "batch": "batch_size",
    "jitter.dye": "jitter.recolour",
    "regions.leak": "regions.detach_proposals",
}
"""Old dotted keys and new dotted keys."""
INVERTED = {"regions.leak"}
"""Old keys whose new key means the opposite."""
NEGATED = {"true": "false", "false": "true", True: False, False: True}


def rename_params(params: Mapping[str, str]) -> dict[str, str]:
    """Return flat settings, such as MLflow params, with their current keys."""
    return {
        RENAMED.get(key, key): str(NEGATED.get(value.lower(), value)) if key in INVERTED else value
        for key, value in params.items()
    }


def rename_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings, such as a run's `config.yaml`, with their current keys."""
    renamed = {key: dict(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
    for old, new in RENAMED.items():
        *groups, name = old.split(".")
        holder = renamed.get(groups[0], {}) if groups else renamed
        if name in holder:
            value = holder.pop(name)
            holder[new.rpartition(".")[2]] = NEGATED.get(value, value) if old in INVERTED else value
    return renamed
