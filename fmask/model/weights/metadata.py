"""What a network's file says of the network, read without building it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
from omegaconf import OmegaConf

from fmask.model.config import BLOCKS, ModelConfig
from fmask.model.validation import check_memory, check_model, check_side
from fmask.utils.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """All that is needed, beside the weights, to build a network and point it at photos."""

    backbone: str
    model: ModelConfig
    size: int
    """S: side in pixels of the network's frame."""
    smooth: bool
    """That of `fmask.utils.resize`."""

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe that `to_json` wrote; what it lacks of the model's settings has its default.

        Raises:
            UserError: a value is out of its range.
            KeyError, TypeError, ValueError: it is no such text.
        """
        fields = json.loads(text)
        config = OmegaConf.merge(OmegaConf.structured(ModelConfig), fields["model"])
        check_model(config)
        backbone, size, smooth = fields["backbone"], fields["size"], fields["smooth"]
        if backbone not in BLOCKS or type(size) is not int or type(smooth) is not bool:
            raise ValueError(f"its recipe is backbone {backbone!r}, size {size!r} and smooth {smooth!r}")
        check_side("size", size)
        check_memory(config, size)
        model = OmegaConf.to_object(config)
        assert isinstance(model, ModelConfig)
        return cls(backbone, model, size, smooth)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file that `Detector.save` wrote.

    Raises:
        UserError: the file is not there or not one of those.
    """
    try:
        return Recipe.from_json(_text(path))
    except UserError as error:
        raise UserError(f"{path} holds no network that can be built: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error.args[-1] if error.args else error).split()).strip("\"'.")
        raise UserError(f"{path} is no detector saved by fmask: {reason}.") from error


def _text(path: Path) -> str:
    if not path.is_file():
        raise ValueError("there is no such file")
    if not h5py.is_hdf5(path):
        raise ValueError("it is no HDF5 file (.h5)")
    try:
        with h5py.File(path) as file:
            text = file.attrs.get("fmask")
    except (OSError, RuntimeError) as error:
        raise ValueError("it is damaged or cut short") from error
    if not isinstance(text, str):
        raise TypeError("it lacks the text `fmask`, which says how the network is built")
    return text
