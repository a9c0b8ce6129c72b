"""Where a training stands, on disk after each epoch: all that it takes to go on as if it had never stopped.

One HDF5 file of numbers and JSON, no code: every variable of the network (with the state of its random draws) and of
its optimizer, the configuration, and what was logged so far. What a batch holds follows from the seed and its number,
so that nothing of the data is in it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_origin

import h5py
import keras
import numpy as np

from fmask.utils.errors import UserError
from fmask.utils.files import os_reason
from fmask.utils.hdf5 import get_array, get_object

NAME = "checkpoint.h5"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands, but for its variables, which stay in the file."""

    run_id: str
    """Of MLflow."""
    config: dict[str, Any]
    """The run's, as plain values."""
    part: str
    """Name of the schedule's part that the last epoch was of."""
    epochs: int
    """That are finished, over all parts."""
    log: dict[str, Any]
    """State of the callback that logs epochs."""


def save(path: Path, network: keras.Model, checkpoint: Checkpoint) -> None:
    """Writes the file, whole or not at all: until it is there the one before it is.

    Raises:
        UserError: it cannot be written.
    """
    draft = path.with_name(f"{path.name}.part")
    try:
        with h5py.File(draft, "w") as file:
            for key, variable in _variables(network):
                file[key] = np.asarray(variable)
            file["checkpoint"] = json.dumps(asdict(checkpoint))
        draft.replace(path)
    except KeyboardInterrupt:
        draft.unlink(missing_ok=True)
        raise
    except (OSError, RuntimeError) as error:  # h5py tells some failed writes by a RuntimeError
        draft.unlink(missing_ok=True)
        kept = f"; that of epoch {read(path).epochs} is kept" if path.exists() else ""
        raise UserError(f"{path} cannot be written: {os_reason(error)}{kept}.") from error


def read(path: Path) -> Checkpoint:
    """What the file says, without its variables.

    Raises:
        UserError: there is no such file, or it is none of `save`'s.
    """
    try:
        with h5py.File(path) as file:
            checkpoint = Checkpoint(**json.loads(get_object(file, "checkpoint").asstr()[()]))
        for field in fields(Checkpoint):
            value = getattr(checkpoint, field.name)
            if not isinstance(value, get_origin(field.type) or field.type):  # type: ignore[arg-type]
                raise TypeError(f"its {field.name} is a {type(value).__name__}")
        return checkpoint
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no checkpoint of a training: {os_reason(error)}.") from error


def restore(path: Path, network: keras.Model) -> None:
    """Gives the compiled network and its optimizer the values of the file.

    Raises:
        UserError: the file is damaged, or the network is another one.
    """
    try:
        with h5py.File(path) as file:
            for key, variable in _variables(network):
                stored = get_array(file, key)
                if stored.shape != tuple(variable.shape):
                    raise ValueError(f"it lacks {key} in the shape {tuple(variable.shape)}")
                variable.assign(stored[()])
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} is damaged, or of another version of this program: {os_reason(error)}.") from error


def _variables(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    for kind, variables in (("network", network.variables), ("optimizer", network.optimizer.variables)):
        for number, variable in enumerate(variables):
            yield f"{kind}/{number}", variable
