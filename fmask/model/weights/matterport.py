"""Weight files in the layout of matterport's Mask R-CNN, HDF5 as Keras 2 wrote it: read by layer name, and written.

Each layer is a group whose attribute `weight_names` lists its arrays, `<layer>/<variable>:0`. The three layers of the
proposal network are together in one group, `rpn_model`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write
from fmask.utils.hdf5 import get_array, get_object

RPN_GROUP = "rpn_model"
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
"""Layers whose last axis grows with the number of classes."""
NO_LAYERS = ("anchors",)
"""Groups that ports of matterport's code save beside the layers: constants."""


@dataclass(frozen=True)
class LoadReport:
    """What became of the layers of a weight file and of the network it was read into."""

    path: Path
    loaded: tuple[str, ...]
    """Layers of the network that have the file's weights."""
    random: tuple[str, ...]
    """Layers of the network that keep the weights they had: the file lacks them, or holds them for other classes."""
    skipped: tuple[str, ...]
    """Layers of the file that the network does not have."""

    def __str__(self) -> str:
        parts = [f"{len(self.loaded)} of {len(self.loaded) + len(self.random)} layers loaded"]
        if self.random:
            parts.append(f"left random: {_few(self.random)}")
        if self.skipped:
            parts.append(f"not in this network: {_few(self.skipped)}")
        return f"{self.path.name}: {'; '.join(parts)}"


def load_weights(network: MaskRCNN, path: Path) -> LoadReport:
    """Gives `network` the weights of a file in matterport's layout, matched by layer name.

    Layers that depend on the classes are left out where the file has another number of them.

    Raises:
        UserError: the file is not there, is no such weight file, or holds a layer in another shape.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; a weight file is a single HDF5 file (.h5).")
    if not path.exists():
        raise UserError(f"There is no weight file {path}.")
    if not h5py.is_hdf5(path):
        raise UserError(f"{path} is no HDF5 file; weights are read from HDF5 files (.h5) alone.")
    try:
        with h5py.File(path) as file:
            stored = _stored(file)
            chosen = _choose(network, stored, path)
            for name, variables in chosen.items():
                for variable in variables:
                    variable.assign(stored[name][variable.name][()])
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged or cut short: {_reason(error)}.") from error
    return LoadReport(
        path,
        loaded=tuple(chosen),
        random=tuple(name for name in layers_of(network) if name not in chosen),
        skipped=tuple(name for name in stored if name not in layers_of(network)),
    )


def save_weights(network: MaskRCNN, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Writes the weights of `network` in matterport's layout, with `notes` as attributes of the file.

    Raises:
        UserError: the file cannot be written; nothing is left behind then.
    """
    with atomic_write(Path(path)) as draft, h5py.File(draft, "w") as file:
        _write(network, file)
        file.attrs.update(notes or {})


def layers_of(network: MaskRCNN) -> dict[str, keras.layers.Layer]:
    """The layers that have weights, by name, from the image to the masks."""
    parts = (network.trunk, network.box_head, network.mask_head)
    return {layer.name: layer for part in parts for layer in part.layers if layer.weights}


def _stored(file: h5py.File) -> dict[str, dict[str, h5py.Dataset]]:
    """The file's arrays by layer and variable."""
    root = get_object(file, "model_weights") if "model_weights" in file else file  # where Keras saved a whole model
    layers: dict[str, dict[str, h5py.Dataset]] = {}
    for group_name in root:
        if group_name in NO_LAYERS:
            continue
        group = get_object(root, group_name)
        for name in np.atleast_1d(group.attrs.get("weight_names", ())):
            name = name.decode() if isinstance(name, bytes) else name
            *owners, variable = name.split("/")
            layer = owners[-1] if group_name == RPN_GROUP and owners else group_name
            layers.setdefault(layer, {})[variable.split(":")[0]] = get_array(group, name)
    return layers


def _choose(
    network: MaskRCNN, stored: dict[str, dict[str, h5py.Dataset]], path: Path
) -> dict[str, Sequence[keras.Variable]]:
    """The variables that the file has values for, by layer; all shapes are right."""
    if not stored:
        raise UserError(f"{path} holds no layers in the way Keras 2 saved them, with the attribute weight_names.")
    chosen = {}
    for name, layer in layers_of(network).items():
        if name not in stored:
            continue
        there, here = list(stored[name]), [variable.name for variable in layer.weights]
        if set(there) != set(here):  # one too many, too: what batch normalisation scales is not for group normalisation
            raise UserError(
                f"{path}: {name} has {' and '.join(there)} in the file, but {' and '.join(here)} in this network."
            )
        sizes = [(tuple(stored[name][variable.name].shape), tuple(variable.shape)) for variable in layer.weights]
        alike_but_for_classes = all(have[:-1] == want[:-1] for have, want in sizes)
        if name in CLASS_LAYERS and alike_but_for_classes and any(have != want for have, want in sizes):
            continue
        for variable, (have, want) in zip(layer.weights, sizes, strict=True):
            if have != want:
                raise UserError(
                    f"{path}: {name}/{variable.name} has the shape {have} in the file, but {want} in this network."
                )
        chosen[name] = layer.weights
    if not chosen:
        raise UserError(
            f"{path} is the weight file of another network: none of its layers ({_few(tuple(stored))}) is one of "
            f"this network's ({_few(tuple(layers_of(network)))})."
        )
    return chosen


def _write(network: MaskRCNN, file: h5py.File) -> None:
    groups: dict[str, list[str]] = {}
    for name, layer in layers_of(network).items():
        group = RPN_GROUP if name in RPN_LAYERS else name
        for variable in layer.weights:
            weight = f"{name}/{variable.name}:0"
            file[f"{group}/{weight}"] = np.asarray(variable, np.float32)
            groups.setdefault(group, []).append(weight)
    # Texts go in as NumPy's bytes: HDF5 strings of fixed length, which readers of any age understand.
    for group, weights in groups.items():
        file[group].attrs["weight_names"] = np.array(weights, np.bytes_)
    file.attrs["layer_names"] = np.array(list(groups), np.bytes_)
    file.attrs["backend"] = np.bytes_("tensorflow")
    file.attrs["keras_version"] = np.bytes_(keras.__version__)


def _few(names: tuple[str, ...]) -> str:
    """The names, or where there are many the first ones and how many more."""
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def _reason(error: Exception) -> str:
    lines = str(error.args[-1] if error.args else error).strip().splitlines()
    return lines[0].strip("\"'.") if lines else type(error).__name__
