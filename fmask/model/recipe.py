"""What a network's file says of the network, read without building it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
from omegaconf import OmegaConf

from fmask.errors import UserError
from fmask.model.config import ModelConfig


@dataclass(frozen=True)
class Recipe:
    """All that is needed, beside the weights, to build a network and point it at photos."""

    backbone: str
    model: ModelConfig
    size: int
    """S: side in pixels of the network's frame."""
    smooth: bool
    """That of `fmask.data.resize`."""

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe that `to_json` wrote; what it lacks of the model's settings has its default."""
        fields = json.loads(text)
        model = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ModelConfig), fields["model"]))
        assert isinstance(model, ModelConfig)
        return cls(fields["backbone"], model, fields["size"], fields["smooth"])


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file that `Detector.save` wrote.

    Raises:
        UserError: the file is not there or not one of those.
    """
    try:
        with h5py.File(path) as file:
            return Recipe.from_json(file.attrs["fmask"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is no detector saved by fmask: {str(error).splitlines()[0]}.") from error
