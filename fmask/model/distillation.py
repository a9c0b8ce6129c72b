"""Knowledge distillation (Hinton, Vinyals & Dean 2015): a network learns from the outputs of others, its teachers.

The teachers see the same images as the student. In the regions that the student is trained on, the means of their class
probabilities, box deltas and mask probabilities are targets beside the annotations. The region proposal network learns
from annotations alone. Teachers do not change, and may have another backbone and other settings.

Shapes: B images, R regions of which the first P may be positive, K classes including the background, masks of S x S
pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keras import ops

from fmask.model import losses
from fmask.model.types import Tensor

if TYPE_CHECKING:
    from fmask.model.mask_rcnn import MaskRCNN


@dataclass(frozen=True)
class Drawn:
    """The regions that train the heads in one step."""

    regions: Tensor
    """(B, R, 4), normalised."""
    counts: Tensor
    """(B, R), 1 for regions that count, else 0."""
    class_ids: Tensor
    """(B, P), the class of each positive region; 0 for empty slots."""
    mask_ids: Tensor
    """(B, P), the same, 0 also for objects that do not train masks."""


@dataclass(frozen=True)
class HeadOutputs:
    """The outputs of the heads for drawn regions."""

    logits: Tensor
    """(B, R, K)."""
    deltas: Tensor
    """(B, P, K, 4), in units of their standard deviations."""
    mask_logits: Tensor
    """(B, P, S, S, K)."""


class Teachers:
    """Trained networks that a student learns from.

    Args:
        networks: the teachers, with the student's classes and size of masks.
        weight: the teachers' share of the losses of the heads; the rest is that of the annotations.
    """

    def __init__(self, networks: Sequence["MaskRCNN"], weight: float) -> None:
        self.networks, self.weight = networks, weight

    def mix(
        self, values: Mapping[str, Tensor], images: Tensor, drawn: Drawn, outputs: HeadOutputs
    ) -> dict[str, Tensor]:
        """Return the losses of the heads: those against the annotations, mixed with those against the teachers.

        Args:
            values: the losses with the annotations as targets, by name.
            images: (B, side, side, 3), RGB in 0..255.
            drawn: the drawn regions.
            outputs: the student's outputs for them.
        """
        classes, deltas, masks = self._targets(images, drawn)
        taught = {
            "mrcnn_class_loss": losses.distilled_class_loss(outputs.logits, classes, drawn.counts),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(outputs.deltas, deltas, drawn.class_ids),
            "mrcnn_mask_loss": losses.mrcnn_mask_loss(outputs.mask_logits, masks, drawn.mask_ids),
        }
        return {name: (1 - self.weight) * values[name] + self.weight * loss for name, loss in taught.items()}

    def _targets(self, images: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor, Tensor]:
        """Return the means over the teachers.

        Returns:
            Class probabilities (B, R, K); deltas (B, P, 4) and mask probabilities (B, P, S, S) of the regions' classes.
        """
        size, ids = images.shape[1], drawn.class_ids
        positives = drawn.regions[:, : ids.shape[1]]
        found = []
        for network in self.networks:
            pyramid, *_ = network.trunk(images, training=False)
            logits, deltas = network.classify(pyramid, drawn.regions, size)
            own = ops.take_along_axis(deltas[:, : ids.shape[1]], ids[..., None, None], axis=2)[:, :, 0]
            mask_logits = network.segment(pyramid, positives, ids > 0, size)
            choice = ops.one_hot(ids, network.num_classes, dtype=mask_logits.dtype)
            masks = ops.sigmoid(ops.sum(mask_logits * choice[:, :, None, None, :], axis=-1))
            found.append((ops.softmax(logits), own, masks))
        classes, deltas, masks = (
            ops.stop_gradient(sum(each) / len(self.networks)) for each in zip(*found, strict=True)
        )
        return classes, deltas, masks
