"""Objects of which only a group of classes is known: an object that is annotated as a hat, and not as a kind of hat.

The class id of such an object is K + g for group g. It trains the network without favouring any class of the group: its
class loss is the negative logarithm of the probability that the network gives to all classes of the group together (the
marginal likelihood), and its box and mask train the outputs of the class that the network itself finds most probable.

Shapes: R regions in each of B images, K classes including the background, G groups.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from fmask.model.types import Tensor
from fmask.utils.errors import UserError

Groups = tuple[tuple[int, ...], ...]
"""The class ids of the classes of each group."""


def members_of(groups: Groups, num_classes: int) -> np.ndarray:
    """Return the classes that each class id allows, bool (K + G, K): itself, or the classes of its group."""
    members = np.eye(num_classes + len(groups), num_classes, dtype=bool)
    for group, own in enumerate(groups):
        members[num_classes + group, list(own)] = True
    return members


def allowed_logits(logits: Tensor, class_ids: Tensor, members: np.ndarray) -> Tensor:
    """Return the logits (B, R, K), minus infinity for classes that the class ids (B, R) do not allow."""
    return ops.where(ops.take(ops.convert_to_tensor(members), class_ids, axis=0), logits, -np.inf)


def most_probable(logits: Tensor, class_ids: Tensor, members: np.ndarray) -> Tensor:
    """Return for class ids (B, R) the most probable class that each allows, int32 in 0..K - 1.

    No gradient flows through the choice.
    """
    return ops.cast(ops.argmax(allowed_logits(logits, class_ids, members), axis=-1), "int32")


def check_groups(groups: Sequence[Sequence[int]], num_classes: int) -> Groups:
    """Return groups as tuples.

    Raises:
        UserError: there is no class besides the background.
        ValueError: a group is empty, or a class id is not in 1..K - 1.
    """
    if num_classes < 2:
        raise UserError(f"num_classes must be at least 2, the background and one class, not {num_classes}.")
    result = tuple(tuple(int(each) for each in group) for group in groups)
    if not all(group and all(0 < each < num_classes for each in group) for group in result):
        raise ValueError(f"groups must be lists of class ids from 1 to {num_classes - 1}, not {groups}")
    return result
