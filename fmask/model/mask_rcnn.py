"""Mask R-CNN (He 2017): an image becomes a pyramid, the pyramid proposes regions, each region gets class, box and mask.

B images of S x S pixels, A anchors, G annotated instances, R regions of which the first P may be positive, K classes.
"""

import keras
import numpy as np
from keras import ops

from fmask.model import geometry, losses
from fmask.model.anchors import pyramid_anchors
from fmask.model.backbone import resnet
from fmask.model.compaction import compact
from fmask.model.config import CLASSES, ModelConfig
from fmask.model.fpn import feature_pyramid
from fmask.model.heads import box_head, mask_head, rpn_head
from fmask.model.norm import Norm
from fmask.model.pooling import pool_regions
from fmask.model.precision import layers_in
from fmask.model.preprocessing import normalise
from fmask.model.roi import box_targets, mask_targets, positive_slots, sample_regions
from fmask.model.rpn import DELTA_STD, propose, rpn_targets
from fmask.model.types import Tensor

PIXEL_MEAN = (123.7, 116.8, 103.9)
LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")


class MaskRCNN(keras.Model):
    """The network and its training step, for Keras' own `fit`.

    Called on a dict of `image` (B, S, S, 3), RGB in 0..255; `boxes` (B, G, 4), pixels; `class_ids` (B, G), 1.. objects,
    0 padding, -1 ignored; `masks` (B, G, M, M), each instance inside its box. Returns the five losses as a dict of
    scalars; `Detect` is the way from images to detections.
    """

    def __init__(self, backbone: str, config: ModelConfig, seed: int = 0) -> None:
        super().__init__(name="mask_rcnn")
        self.backbone, self.config = backbone, config
        norm, widths, regions = Norm(config.norm), config.widths, config.regions

        with layers_in(config.precision):
            image = keras.Input((None, None, 3), name="image")
            # In float32: a photo's 256 levels are more than bf16 has once a mean is taken from them.
            centre = keras.layers.Rescaling(1.0, [-mean for mean in PIXEL_MEAN], name="centre", dtype="float32")
            pyramid = feature_pyramid(resnet(centre(image), backbone, norm), widths.fpn, norm)
            self.trunk = keras.Model(
                image, [pyramid, *rpn_head(pyramid, widths.rpn, len(config.anchors.ratios))], name="trunk"
            )
            self.box_head = box_head(regions.pool_box, widths.fpn, widths.box, CLASSES, norm)
            self.mask_head = mask_head(regions.pool_mask, widths.fpn, widths.mask, widths.mask_convs, CLASSES, norm)
        self.seeds = keras.random.SeedGenerator(seed)
        self.loss_means = [keras.metrics.Mean(name=name) for name in LOSSES]
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        config = self.config
        boxes, class_ids = inputs["boxes"], inputs["class_ids"]
        size = inputs["image"].shape[1]
        anchors = self.anchors(size)
        unit_boxes = (boxes - np.array([0, 0, 1, 1], np.float32)) * np.float32(1 / (size - 1))
        batch = ops.shape(boxes)[0]

        pyramid, rpn_logits, rpn_deltas = self.trunk(inputs["image"], training=training)
        match, rpn_target = rpn_targets(anchors, boxes, class_ids, self._noise(batch, len(anchors), training))

        unit_anchors = normalise(anchors, size, size)
        proposals = propose(unit_anchors, rpn_logits, rpn_deltas, config.proposals, config.proposals.train)
        if not config.regions.leak:
            proposals = ops.stop_gradient(proposals)
        candidates = proposals.shape[1] + (boxes.shape[1] if config.regions.add_objects else 0)
        regions, region_ids, valid, matched = sample_regions(
            proposals, unit_boxes, class_ids, self._noise(batch, candidates, training), config.regions
        )
        slots = positive_slots(config.regions)
        box_target = box_targets(regions[:, :slots], unit_boxes, matched)
        regions = ops.stop_gradient(regions)
        positives, positive_ids = regions[:, :slots], region_ids[:, :slots]

        logits, deltas = self.classify(pyramid, regions, size, training)
        mask_logits = self.segment(pyramid, positives, positive_ids > 0, size, training)
        mask_target = mask_targets(positives, unit_boxes, inputs["masks"], matched, mask_logits.shape[2])
        counted = valid if config.regions.fill else ops.ones_like(valid)  # the reference counts padding as background
        return dict(
            zip(
                LOSSES,
                (
                    losses.rpn_class_loss(rpn_logits, match),
                    losses.rpn_bbox_loss(rpn_deltas, rpn_target, match),
                    losses.mrcnn_class_loss(logits, region_ids, ops.cast(counted, logits.dtype)),
                    losses.mrcnn_bbox_loss(deltas[:, :slots], box_target, positive_ids),
                    losses.mrcnn_mask_loss(mask_logits, mask_target, positive_ids),
                ),
                strict=True,
            )
        )

    def anchors(self, size: int) -> np.ndarray:
        """(A, 4) anchors in pixels for images of side `size`."""
        chosen = self.config.anchors
        return pyramid_anchors(size, chosen.scales, chosen.ratios, chosen.offset)

    def classify(
        self, pyramid: list[Tensor], regions: Tensor, size: int, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Class logits (B, R, K) and deltas (B, R, K, 4) of normalised regions (B, R, 4)."""
        config = self.config
        pooled = pool_regions(pyramid, regions, config.regions.pool_box, size, config.regions, training)
        logits, deltas = self.box_head(_merge(pooled), training=training)
        return _split(logits, regions.shape[1]), _split(deltas, regions.shape[1])

    def segment(
        self, pyramid: list[Tensor], regions: Tensor, present: Tensor, size: int, training: bool = False
    ) -> Tensor:
        """Mask logits (B, R, 28, 28, K) of normalised regions (B, R, 4).

        Those of regions that are not `present` (B, R) mean nothing.
        """
        config = self.config
        pooled = pool_regions(pyramid, regions, config.regions.pool_mask, size, config.regions, training)
        rows, places = compact(ops.reshape(present, (-1,)))
        logits = self.mask_head(ops.take(_merge(pooled), rows, axis=0), training=training)
        return _split(ops.take(logits, places, axis=0), regions.shape[1])

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The weighted sum of the five losses, each kept as a metric of its own, and of the weights' decay."""
        for mean, name in zip(self.loss_means, LOSSES, strict=True):
            mean.update_state(y_pred[name])
        weights = self.config.loss
        total = sum(getattr(weights, name.removesuffix("_loss")) * y_pred[name] for name in LOSSES)
        if weights.l2:
            decaying = [weight for weight in self.trainable_variables if weight.name not in ("gamma", "beta")]
            total += weights.l2 * sum(losses.mean_square(weight) for weight in decaying)
        return total

    def _noise(self, batch: Tensor, count: int, training: bool) -> Tensor:
        """What draws are decided by: in validation always the same, so that it leaves training as it is."""
        return keras.random.uniform((batch, count), seed=self.seeds if training else 0)


class Detect(keras.Model):
    """From images (B, S, S, 3) to detections; shares every layer with the `MaskRCNN` it is made from.

    Takes a dict of `image` and `window` (B, 4): the part of the image that is photo and not padding, normalised.
    Returns a dict of `boxes` (B, D, 4) normalised, `class_ids` (B, D), 0 where there is none, `scores` (B, D), best
    first, and `masks` (B, D, 28, 28), the probability of the detected class.
    """

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__(name="detect")
        self.network = network
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        network, config = self.network, self.network.config
        pyramid, rpn_logits, rpn_deltas = network.trunk(inputs["image"], training=False)
        size = inputs["image"].shape[1]
        anchors = normalise(network.anchors(size), size, size)
        regions = propose(anchors, rpn_logits, rpn_deltas, config.proposals, config.proposals.detect)
        logits, deltas = network.classify(pyramid, regions, size)
        boxes, class_ids, scores = select(regions, logits, deltas, inputs["window"], config)
        mask_logits = network.segment(pyramid, boxes, class_ids > 0, size)
        choice = ops.one_hot(class_ids, CLASSES, dtype=mask_logits.dtype)
        own = ops.sum(mask_logits * choice[:, :, None, None, :], axis=-1)
        return {"boxes": boxes, "class_ids": class_ids, "scores": scores, "masks": ops.sigmoid(own)}


def select(
    regions: Tensor, logits: Tensor, deltas: Tensor, window: Tensor, config: ModelConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Refines regions (B, R, 4) by their best class's deltas and keeps the D best that do not overlap within a class.

    Returns boxes (B, D, 4), class ids (B, D) and scores (B, D); zeros where there are fewer.
    """
    probabilities = ops.softmax(logits, axis=-1)
    # One operation for both; Keras' argmax on TensorFlow is made of parts that ONNX lacks.
    scores, class_ids = (best[..., 0] for best in ops.top_k(probabilities, 1))
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    boxes = geometry.clip(geometry.decode(regions, own * DELTA_STD), window[:, None, :])
    present = ops.logical_and(class_ids > 0, ops.any(regions != 0, axis=-1))
    present = ops.logical_and(present, scores >= config.detection.floor)
    # Boxes of different classes are moved out of each other's reach: one suppression serves all classes.
    apart = boxes + 2.0 * ops.cast(class_ids, boxes.dtype)[..., None]
    ranking = ops.where(present, scores, -1.0)
    keep, valid = geometry.non_max_suppression(apart, ranking, config.detection.count, config.detection.nms)
    kept = [ops.take_along_axis(values, keep, axis=1) for values in (class_ids, scores)]
    kept_boxes = ops.take_along_axis(boxes, keep[..., None], axis=1)
    return (
        ops.where(valid[..., None], kept_boxes, 0.0),
        ops.where(valid, ops.cast(kept[0], "int32"), 0),
        ops.where(valid, kept[1], 0.0),
    )


def _merge(x: Tensor) -> Tensor:
    """(B, R, ...) to (B R, ...)."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def _split(x: Tensor, regions: int) -> Tensor:
    """(B R, ...) to (B, R, ...)."""
    return ops.reshape(x, (-1, regions, *x.shape[1:]))
