"""Checkpoints: the state of a training after an epoch, from which it resumes as if it had never stopped.

A checkpoint is one HDF5 file of numbers and JSON, without code: all variables of the network (including the state of
its random generators) and of its optimizer, the configuration, and the values logged so far. It contains no data,
because the content of a batch follows from the seed and the number of the batch.
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

CHECKPOINT_NAME = "checkpoint.h5"
"""Name of the file in a run's output folder."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training, except the variables of the network and the optimizer, which stay in the file."""

    run_id: str
    """Id of the MLflow run."""
    config: dict[str, Any]
    """The run's configuration, as plain values."""
    part: str
    """Name of the schedule's part that the last finished epoch belongs to."""
    epochs: int
    """Number of finished epochs, over all parts."""
    log: dict[str, Any]
    """State of the callback that logs epochs."""


def save_checkpoint(path: Path, network: keras.Model, checkpoint: Checkpoint) -> None:
    """Write the checkpoint file atomically: an earlier file is replaced only once the new one is complete.

    Args:
        path: the file to write.
        network: compiled, with a built optimizer.
        checkpoint: the state besides the variables.

    Raises:
        UserError: the file cannot be written.
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
    except (OSError, RuntimeError) as error:  # h5py raises RuntimeError for some failed writes
        draft.unlink(missing_ok=True)
        kept = f"; the checkpoint of epoch {read_checkpoint(path).epochs} is kept" if path.exists() else ""
        raise UserError(f"{path} cannot be written: {os_reason(error)}{kept}.") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, without its variables.

    Raises:
        UserError: the file does not exist or is not a checkpoint.
    """
    try:
        with h5py.File(path) as file:
            checkpoint = Checkpoint(**json.loads(get_object(file, "checkpoint").asstr()[()]))
        for field in fields(Checkpoint):
            value = getattr(checkpoint, field.name)
            if not isinstance(value, get_origin(field.type) or field.type):  # type: ignore[arg-type]
                raise TypeError(f"its {field.name} has the type {type(value).__name__}")
        return checkpoint
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a training checkpoint: {os_reason(error)}.") from error


def restore_checkpoint(path: Path, network: keras.Model) -> None:
    """Load the file's variables into the compiled network and its optimizer.

    Raises:
        UserError: the file is damaged, or it belongs to another network.
    """
    try:
        with h5py.File(path) as file:
            for key, variable in _variables(network):
                stored = get_array(file, key)
                if stored.shape != tuple(variable.shape):
                    raise ValueError(f"{key} has the shape {stored.shape}, not {tuple(variable.shape)}")
                variable.assign(stored[()])
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} is damaged or was written by another version of fmask: {os_reason(error)}.") from error


def _variables(network: keras.Model) -> Iterator[tuple[str, keras.Variable]]:
    for group, variables in (("network", network.variables), ("optimizer", network.optimizer.variables)):
        for number, variable in enumerate(variables):
            yield f"{group}/{number}", variable
