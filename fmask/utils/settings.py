"""Dataclass fields with the values that a setting accepts, and the check of a configuration against them."""

import ast
import dataclasses
import inspect
import sys
from typing import Any, get_type_hints

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

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


def field_docs(cls: type) -> dict[str, str]:
    """Return the docstrings of the fields of a dataclass and of those that it inherits from, each on one line.

    One string after two fields in a row is about both.
    """
    docs: dict[str, str] = {}
    for owner in reversed(cls.__mro__[:-1]):
        tree = ast.parse(inspect.getsource(sys.modules[owner.__module__]))
        (node,) = (each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == owner.__name__)
        waiting: list[str] = []
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                waiting.append(statement.target.id)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                docs |= dict.fromkeys(waiting, " ".join(str(statement.value.value).split()))
                waiting = []
    return docs


def as_settings(values: Any) -> Any:
    """Return a dataclass of settings as a configuration, for `check_settings`.

    Raises:
        UserError: a value has another type than its field.
    """
    try:
        return OmegaConf.structured(values)
    except OmegaConfBaseException as error:
        owner = f"{error.object_type.__name__}." if error.object_type else ""
        raise UserError(f"{owner}{error.full_key}: {str(error).splitlines()[0]}.") from error


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
