"""Weight files in the layout of matterport's Mask R-CNN, the HDF5 format of Keras 2.

Each layer is a group whose attribute `weight_names` lists its arrays, `<layer>/<variable>:0`. The three layers of the
region proposal network share one group, `rpn_model`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras
import numpy as np

from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.class_layers import OUTPUTS_PER_CLASS, ClassMatch, match_classes
from fmask.model.weights.metadata import stored_classes
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write
from fmask.utils.hdf5 import get_array, get_object

RPN_GROUP = "rpn_model"
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
NOT_LAYERS = ("anchors",)
"""Groups of constants, which ports of matterport's code save beside the layers."""


@dataclass(frozen=True)
class LoadReport:
    """Which layers of a network were loaded from a weight file."""

    path: Path
    loaded: tuple[str, ...]
    """Layers of the network that were loaded from the file."""
    random: tuple[str, ...]
    """Layers of the network that keep their previous weights: the file lacks them, or has another number of classes."""
    skipped: tuple[str, ...]
    """Layers of the file that the network lacks."""
    by_class: tuple[str, ...] = ()
    """Layers of which the outputs for the background and for `classes` were loaded, because the file has others too."""
    classes: tuple[str, ...] = ()
    """The classes whose outputs were loaded in the layers `by_class`."""
    new_classes: tuple[str, ...] = ()
    """The classes whose outputs keep their previous weights in the layers `by_class` or `random`."""

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.by_class) + len(self.random)
        parts = [f"{len(self.loaded)} of {total} layers loaded"]
        if self.by_class:
            parts.append(f"loaded for the classes {', '.join(self.classes)}: {_few(self.by_class)}")
        if self.new_classes:
            parts.append(f"random for the classes {', '.join(self.new_classes)}")
        if self.random:
            parts.append(f"left random: {_few(self.random)}")
        if self.skipped:
            parts.append(f"not in this network: {_few(self.skipped)}")
        return f"{self.path.name}: {'; '.join(parts)}"


def load_weights(network: MaskRCNN, path: Path, classes: Sequence[str] | None = None) -> LoadReport:
    """Load weights from a file in matterport's layout, by layer name.

    Layers that depend on the classes are loaded class by class if the file names other classes, or the same in another
    order. They are skipped if no name is the same, or if the file has no names and another number of classes.

    Args:
        network: the network to load the weights into.
        path: the file.
        classes: the class names of the network; None if they are those of the file.

    Raises:
        UserError: the file is missing, is not a weight file in this layout, or has a layer with another shape.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; a weight file is a single HDF5 file (.h5).")
    if not path.exists():
        raise UserError(f"There is no weight file {path}.")
    if not h5py.is_hdf5(path):
        raise UserError(f"{path} is not an HDF5 file; a weight file must be HDF5 (.h5).")
    try:
        with h5py.File(path) as file:
            stored = _stored(file)
            match = match_classes(stored_classes(file), classes)
            chosen = _choose(network, stored, path, match)
            for name, variables in chosen.items():
                for variable in variables:
                    values = stored[name][variable.name][()]
                    if match and name in OUTPUTS_PER_CLASS:
                        values = match.merge(name, np.asarray(variable, np.float32), values)
                    variable.assign(values)
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged or truncated: {_reason(error)}.") from error
    by_class = tuple(name for name in chosen if match and name in OUTPUTS_PER_CLASS)
    return LoadReport(
        path,
        loaded=tuple(name for name in chosen if name not in by_class),
        random=tuple(name for name in layers_of(network) if name not in chosen),
        skipped=tuple(name for name in stored if name not in layers_of(network)),
        by_class=by_class,
        classes=match.shared if match else (),
        new_classes=match.new if match else (),
    )


def save_weights(network: MaskRCNN, path: Path, notes: Mapping[str, str] | None = None) -> None:
    """Write the weights of `network` in matterport's layout, with `notes` as attributes of the file.

    Raises:
        UserError: the file cannot be written; no partial file remains.
    """
    with atomic_write(Path(path)) as draft, h5py.File(draft, "w") as file:
        _write(network, file)
        file.attrs.update(notes or {})


def count_classes(path: Path) -> int | None:
    """Return the number of classes of a weight file, including the background; None if it has no class layer."""
    with h5py.File(path) as file:
        bias = _stored(file).get("mrcnn_class_logits", {}).get("bias")
        return None if bias is None else int(bias.shape[0])


def layers_of(network: MaskRCNN) -> dict[str, keras.layers.Layer]:
    """Return the layers with weights by name, ordered from input to output."""
    parts = (network.trunk, network.box_head, network.mask_head)
    return {layer.name: layer for part in parts for layer in part.layers if layer.weights}


def _stored(file: h5py.File) -> dict[str, dict[str, h5py.Dataset]]:
    """Return the arrays of the file by layer and variable."""
    root = get_object(file, "model_weights") if "model_weights" in file else file  # the former in a whole saved model
    layers: dict[str, dict[str, h5py.Dataset]] = {}
    for group_name in root:
        if group_name in NOT_LAYERS:
            continue
        group = get_object(root, group_name)
        for name in np.atleast_1d(group.attrs.get("weight_names", ())):
            name = name.decode() if isinstance(name, bytes) else name
            *owners, variable = name.split("/")
            layer = _rpn_layer(owners[-1]) if group_name == RPN_GROUP and owners else group_name
            layers.setdefault(layer, {})[variable.split(":")[0]] = get_array(group, name)
    return layers


def _rpn_layer(name: str) -> str:
    """Return the layer's name without the ending _1, _2…, which Keras 2 adds if a session has several models."""
    without_ending = re.sub(r"_\d+$", "", name)
    return without_ending if without_ending in RPN_LAYERS else name


def _choose(
    network: MaskRCNN, stored: dict[str, dict[str, h5py.Dataset]], path: Path, match: ClassMatch | None
) -> dict[str, Sequence[keras.Variable]]:
    """Return the variables to load, by layer, after a check of their shapes."""
    if not stored:
        raise UserError(f"{path} has no layers in the format of Keras 2, with the attribute weight_names.")
    chosen = {}
    for name, layer in layers_of(network).items():
        if name not in stored:
            continue
        found, expected = list(stored[name]), [variable.name for variable in layer.weights]
        # Additional variables are refused too: the scales of batch normalisation do not fit group normalisation.
        if set(found) != set(expected):
            raise UserError(
                f"{path}: {name} has {' and '.join(found)} in the file, but {' and '.join(expected)} in this network."
            )
        sizes = [(tuple(stored[name][variable.name].shape), tuple(variable.shape)) for variable in layer.weights]
        if name in OUTPUTS_PER_CLASS and all(have[:-1] == want[:-1] for have, want in sizes):
            if match and match.shared and all(have[-1] == _outputs(name, match.stored) for have, _ in sizes):
                chosen[name] = layer.weights
                continue
            if match or any(have != want for have, want in sizes):
                continue
        for variable, (have, want) in zip(layer.weights, sizes, strict=True):
            if have != want:
                raise UserError(
                    f"{path}: {name}/{variable.name} has the shape {have} in the file, but {want} in this network."
                )
        chosen[name] = layer.weights
    if not chosen:
        raise UserError(
            f"{path} is a weight file of another network: none of its layers ({_few(tuple(stored))}) is in "
            f"this network ({_few(tuple(layers_of(network)))})."
        )
    return chosen


def _outputs(layer: str, classes: Sequence[str]) -> int:
    """Return the number of outputs of a layer for some classes and the background."""
    return OUTPUTS_PER_CLASS[layer] * (1 + len(classes))


def _write(network: MaskRCNN, file: h5py.File) -> None:
    groups: dict[str, list[str]] = {}
    for name, layer in layers_of(network).items():
        group = RPN_GROUP if name in RPN_LAYERS else name
        for variable in layer.weights:
            weight = f"{name}/{variable.name}:0"
            file[f"{group}/{weight}"] = np.asarray(variable, np.float32)
            groups.setdefault(group, []).append(weight)
    # NumPy bytes become HDF5 strings of fixed length, which old readers understand too.
    for group, weights in groups.items():
        file[group].attrs["weight_names"] = np.array(weights, np.bytes_)
    file.attrs["layer_names"] = np.array(list(groups), np.bytes_)
    file.attrs["backend"] = np.bytes_("tensorflow")
    file.attrs["keras_version"] = np.bytes_(keras.__version__)


def _few(names: tuple[str, ...]) -> str:
    """Join the names; of more than four, name the first three and count the others."""
    if len(names) <= 4:
        return ", ".join(names)
    return f"{', '.join(names[:3])} and {len(names) - 3} more"


def _reason(error: Exception) -> str:
    lines = str(error.args[-1] if error.args else error).strip().splitlines()
    return lines[0].strip("\"'.") if lines else type(error).__name__
