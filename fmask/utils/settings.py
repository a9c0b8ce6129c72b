"""Dataclass fields with the values that a setting accepts, and the check of a configuration against them."""

import dataclasses
from typing import Any, get_type_hints

from omegaconf import MISSING, OmegaConf

from fmask.utils.errors import UserError


def between(low: float, high: float, default: Any = MISSING) -> Any:
    """Return a field for a number from `low` to `high`, both inclusive."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high})


def one_of(*choices: str, default: Any = MISSING) -> Any:
    """Return a field for one of several words."""
    return dataclasses.field(default=default, metadata={"choices": choices})


def side(default: Any = MISSING) -> Any:
    """Return a field for the side in pixels of a network's square input: a multiple of 32 from 64 to 2048."""
    return dataclasses.field(default=default, metadata={"low": 64, "high": 2048, "multiple": 32})


def check_settings(config: Any, schema: type, prefix: str = "") -> None:
    """Check every setting of a composed configuration against the metadata of its field.

    Settings that are missing or null are skipped.

    Args:
        config: the configuration that Hydra composed.
        schema: the dataclass whose fields define what is allowed.
        prefix: the dotted key of `config` in the whole configuration, with a final dot, for messages.

    Raises:
        UserError: a value is not allowed; the message names the key, the value and what is allowed.
    """
    types = get_type_hints(schema)
    for field in dataclasses.fields(schema):
        value = OmegaConf.select(config, field.name)
        if value is None:
            continue
        if dataclasses.is_dataclass(kind := types[field.name]):
            check_settings(value, kind, f"{prefix}{field.name}.")  # type: ignore[arg-type]
        else:
            check_value(f"{prefix}{field.name}", value, field.metadata)


def check_value(key: str, value: Any, metadata: Any) -> None:
    """Check one value against the metadata of its field; see `check_settings`."""
    if "choices" in metadata and value not in metadata["choices"]:
        raise UserError(f"{key} must be {' or '.join(metadata['choices'])}, not {value}.")
    if "low" in metadata and not metadata["low"] <= value <= metadata["high"]:
        raise UserError(f"{key} must be between {metadata['low']:.10g} and {metadata['high']:.10g}, not {value:.10g}.")
    if "multiple" in metadata and value % metadata["multiple"]:
        near = max(metadata["low"], round(value / metadata["multiple"]) * metadata["multiple"])
        raise UserError(f"{key} must be a multiple of {metadata['multiple']}, such as {near}, not {value}.")
