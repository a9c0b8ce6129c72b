"""The description of a network in its weight file, which can be read without building the network."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
from omegaconf import OmegaConf

from fmask.model.backbones import MODULES
from fmask.model.config import ModelConfig
from fmask.model.validation import check_memory, check_model
from fmask.model.weights.operating_point import ATTRIBUTE, from_text
from fmask.structures.classes import MAX_CLASSES, UNNAMED, check_classes, names_of
from fmask.structures.hierarchy import Hierarchy, read_hierarchy
from fmask.structures.operating_point import OperatingPoint
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import rename_settings
from fmask.utils.settings import check_value, side

RUN = "fmask_run"
"""Attribute of a weight file: the id of the MLflow run that trained the network."""
OLD_KEYS = {"size": "image_size", "smooth": "antialias"}
"""Keys in files of version 0.1, and their current names."""


@dataclass(frozen=True)
class NetworkMetadata:
    """Everything needed, besides the weights, to build a network and to prepare photos for it."""

    backbone: str
    model: ModelConfig
    image_size: int
    """Side in pixels of the network's square input; a photo's longer side is scaled to it."""
    antialias: bool
    """Whether shrinking a photo averages its pixels; see `fmask.utils.resize`."""
    classes: tuple[str, ...]
    """The class names, without the background; see `fmask.structures.classes.names_of` for files that lack them."""
    hierarchy: Hierarchy = field(default_factory=dict)
    """The parents of the classes and their leaves; files of networks without parents lack it."""

    @property
    def num_classes(self) -> int:
        """Number of classes including the background."""
        return 1 + len(self.classes)

    def to_json(self) -> str:
        """Return the JSON text that `from_json` reads."""
        fields = asdict(self)
        if not self.hierarchy:
            del fields["hierarchy"]
        return json.dumps(fields)

    @classmethod
    def from_json(cls, text: str) -> "NetworkMetadata":
        """Read the JSON text that `to_json` wrote. Missing settings of the model get their defaults.

        Raises:
            UserError: a setting has a value that is not allowed.
            KeyError, TypeError, ValueError: `to_json` did not write the text.
        """
        fields = json.loads(text)
        fields = {OLD_KEYS.get(key, key): value for key, value in fields.items()}
        config = OmegaConf.merge(OmegaConf.structured(ModelConfig), rename_settings(fields["model"]))
        check_model(config)
        backbone, image_size, antialias = fields["backbone"], fields["image_size"], fields["antialias"]
        classes = _classes(fields)
        if backbone not in MODULES:
            raise ValueError(f"backbone must be {' or '.join(MODULES)}, not {backbone!r}")
        if type(image_size) is not int:
            raise ValueError(f"image_size must be a whole number, not {image_size!r}")
        if type(antialias) is not bool:
            raise ValueError(f"antialias must be true or false, not {antialias!r}")
        check_value("image_size", image_size, side().metadata)
        check_memory(config, image_size)
        model = OmegaConf.to_object(config)
        assert isinstance(model, ModelConfig)
        hierarchy = read_hierarchy(fields.get("hierarchy"), classes, "hierarchy")
        return cls(backbone, model, image_size, antialias, classes, hierarchy)


def read_metadata(path: Path) -> NetworkMetadata:
    """Read the metadata of a file that `KerasPredictor.save` wrote.

    Raises:
        UserError: the file is missing, or `KerasPredictor.save` did not write it.
    """
    try:
        return NetworkMetadata.from_json(_text(path))
    except UserError as error:
        raise UserError(f"{path} describes a network that cannot be built: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error.args[-1] if error.args else error).split()).removesuffix(".")
        if type(error) is KeyError:
            reason = f"it lacks {reason}"
        raise UserError(f"{path} is not a network saved by fmask: {reason}.") from error


def stored_classes(file: h5py.File) -> tuple[str, ...] | None:
    """Return the class names of a weight file; None if `KerasPredictor.save` did not write it."""
    text = file.attrs.get("fmask")
    try:
        return _classes(json.loads(text)) if isinstance(text, str) else None
    except (TypeError, ValueError, RecursionError, UserError):
        return None


def read_run(path: Path) -> str | None:
    """Return the id of the MLflow run that trained a network; None if its file does not name one."""
    with h5py.File(path) as file:
        run = file.attrs.get(RUN)
    return run if isinstance(run, str) else None


def read_operating_point(path: Path, classes: Sequence[str]) -> OperatingPoint | None:
    """Read the operating point of a weight file; None if it has none.

    Raises:
        UserError: it is damaged.
    """
    with h5py.File(path) as file:
        text = file.attrs.get(ATTRIBUTE)
    return from_text(text if isinstance(text, str) else None, classes, path)


def _classes(fields: dict[str, Any]) -> tuple[str, ...]:
    """Return the class names; files of version 0.2.0 and earlier have at most their number."""
    if "classes" in fields:
        if not isinstance(fields["classes"], list):
            raise TypeError(f"classes must be a list of names, not {fields['classes']!r}")
        check_classes(fields["classes"], "classes")
        return tuple(fields["classes"])
    num_classes = fields.get("num_classes", 1 + len(UNNAMED))
    if type(num_classes) is not int or not 2 <= num_classes <= 1 + MAX_CLASSES:
        raise ValueError(f"num_classes must be a whole number from 2 to {1 + MAX_CLASSES}, not {num_classes!r}")
    return names_of(num_classes - 1)


def _text(path: Path) -> str:
    if not path.is_file():
        raise ValueError("there is no such file")
    if not h5py.is_hdf5(path):
        raise ValueError("it is not an HDF5 file (.h5)")
    try:
        with h5py.File(path) as file:
            text = file.attrs.get("fmask")
    except (OSError, RuntimeError) as error:
        raise ValueError("it is damaged or truncated") from error
    if not isinstance(text, str):
        raise TypeError("it lacks the attribute fmask, which describes the network")
    return text
