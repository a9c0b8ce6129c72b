"""Hierarchies of classes: parents, each with the classes that are its leaves.

A network is trained on the leaves, which are classes. Its scores are also given at the parents: a leaf is relabelled
with its parent, and a class without a parent keeps its name.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fmask.structures.classes import by_key, check_classes, key_of
from fmask.utils.errors import UserError

if TYPE_CHECKING:  # `fmask --help` imports this module and must be quick
    import numpy as np

Hierarchy = Mapping[str, tuple[str, ...]]
"""Parent to its leaves, in order; empty without a hierarchy."""
EXAMPLE = "{hat: [cap, beanie], mask: [surgical, cloth]}"
"""A hierarchy as it is written in a setting, for messages."""


def read_hierarchy(value: Any, classes: Sequence[str] | None, setting: str = "data.hierarchy") -> dict[str, tuple]:
    """Check a hierarchy, and return it with the names of leaves as the classes spell them.

    Args:
        value: parents and lists of their leaves; None for no hierarchy.
        classes: the class names; None if they are not known yet, so that leaves are not checked against them.
        setting: name of the setting, for the message.

    Raises:
        UserError: the value has another form, a name is not valid or is listed twice, or a leaf is none of the classes.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(leaves, Sequence) and not isinstance(leaves, str) for leaves in value.values()
    ):
        raise UserError(
            f"{setting} is {value}; it must be parents and lists of their leaves, as in {setting}={EXAMPLE}."
        )
    if not value:
        return {}
    check_classes(list(value), setting)
    leaves = [leaf for each in value.values() for leaf in each]
    check_classes(leaves, setting)
    known = by_key(classes or leaves)
    for parent, own in value.items():
        if not own:
            raise UserError(f"{setting}: {parent} has no leaves; list at least one class, or leave {parent} out.")
        if key_of(parent) in by_key(leaves):
            raise UserError(f"{setting}: {parent} is a parent and a leaf; a hierarchy has one level.")
        if key_of(parent) in known:
            raise UserError(
                f"{setting}: {parent} is a parent, so data.classes must list its leaves {', '.join(own)} instead of "
                f"{parent}; data.classes=null finds the classes in the annotations."
            )
        for leaf in own:
            if key_of(leaf) not in known:
                listed = ", ".join(known.values())
                raise UserError(f"{setting}: {leaf}, a leaf of {parent}, is none of the classes {listed}.")
    return {parent.strip(): tuple(known[key_of(leaf)] for leaf in own) for parent, own in value.items()}


def parents_name(split: str) -> str:
    """Return the name of a split whose objects are relabelled with parents."""
    return f"{split}_parents"


def parent_classes(classes: Sequence[str], hierarchy: Hierarchy) -> tuple[str, ...]:
    """Return the class names at the parents: the parents, then the classes without a parent."""
    leaves = {leaf for each in hierarchy.values() for leaf in each}
    return (*hierarchy, *(name for name in classes if name not in leaves))


def parent_of(label: str, hierarchy: Hierarchy) -> str:
    """Return the parent of a leaf; a class without a parent, or a parent, is returned itself."""
    return next((parent for parent, leaves in hierarchy.items() if label in leaves), label)


def parent_ids(classes: Sequence[str], hierarchy: Hierarchy) -> "np.ndarray":
    """Return the class ids at the parents by the class ids of the leaves, int64 (K,); 0, the background, is 0."""
    import numpy as np

    above = parent_classes(classes, hierarchy)
    return np.array([0, *(1 + above.index(parent_of(name, hierarchy)) for name in classes)], dtype=np.int64)


def leaf_ids(classes: Sequence[str], hierarchy: Hierarchy) -> tuple[tuple[int, ...], ...]:
    """Return the class ids of the leaves of each parent, as `fmask.MaskRCNN` accepts them as `groups`."""
    return tuple(tuple(1 + classes.index(leaf) for leaf in leaves) for leaves in hierarchy.values())
