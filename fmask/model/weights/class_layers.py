"""The layers that depend on the classes, whose weights a network of other classes takes over by class name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fmask.structures.classes import by_key, key_of

OUTPUTS_PER_CLASS: Mapping[str, int] = {"mrcnn_class_logits": 1, "mrcnn_bbox_fc": 4, "mrcnn_mask": 1}
"""The layers whose last axis has this many outputs for each class, the background first."""


@dataclass(frozen=True)
class ClassMatch:
    """Which classes of a network a weight file knows."""

    stored: tuple[str, ...]
    """The class names of the file, without the background."""
    wanted: tuple[str, ...]
    """The class names of the network, without the background."""

    @property
    def is_same(self) -> bool:
        """Whether both have the same classes in the same order."""
        return [*map(key_of, self.stored)] == [*map(key_of, self.wanted)]

    @property
    def shared(self) -> tuple[str, ...]:
        """The classes of the network that the file has too."""
        known = by_key(self.stored)
        return tuple(name for name in self.wanted if key_of(name) in known)

    @property
    def new(self) -> tuple[str, ...]:
        """The classes of the network that the file lacks."""
        return tuple(name for name in self.wanted if name not in self.shared)

    def merge(self, layer: str, own: np.ndarray, stored: np.ndarray) -> np.ndarray:
        """Return a network's own values with those of the background and of the shared classes from a file.

        Args:
            layer: a key of `OUTPUTS_PER_CLASS`.
            own: values of the network, (..., n * (1 + number of wanted classes)), n values for each class.
            stored: values of the file, (..., n * (1 + number of stored classes)).
        """
        count = OUTPUTS_PER_CLASS[layer]
        merged = own.copy().reshape(*own.shape[:-1], -1, count)
        source = stored.reshape(*stored.shape[:-1], -1, count)
        places = {key_of(name): index for index, name in enumerate(self.stored, start=1)}
        merged[..., 0, :] = source[..., 0, :]
        for index, name in enumerate(self.wanted, start=1):
            if key_of(name) in places:
                merged[..., index, :] = source[..., places[key_of(name)], :]
        return merged.reshape(own.shape)


def match_classes(stored: Sequence[str] | None, wanted: Sequence[str] | None) -> ClassMatch | None:
    """Return the match of classes that differ; None if they are the same or one side has no names."""
    if stored is None or wanted is None:
        return None
    match = ClassMatch(tuple(stored), tuple(wanted))
    return None if match.is_same else match
