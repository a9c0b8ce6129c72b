"""Mask R-CNN (He 2017): a feature pyramid, region proposals, and a class, a box and a mask for each region.

Shapes: B images of S x S pixels, A anchors, G annotated instances, R regions of which the first P may be positive,
K classes including the background, D detections.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from omegaconf import OmegaConf

from fmask.model import losses
from fmask.model.anchors import STRIDES, pyramid_anchors
from fmask.model.backbones import backbone_of
from fmask.model.compaction import compact, split_images
from fmask.model.config import ModelConfig
from fmask.model.distillation import Drawn, HeadOutputs, Teachers
from fmask.model.fpn import feature_pyramid
from fmask.model.groups import check_groups, members_of, most_probable
from fmask.model.heads import box_head, mask_head, rpn_head
from fmask.model.norm import Norm
from fmask.model.pooling import pool_by_gathering, pool_regions
from fmask.model.precision import layers_in
from fmask.model.preprocessing import normalise
from fmask.model.roi import box_targets, has_mask, mask_targets, positive_slots, sample_regions
from fmask.model.rpn import propose, rpn_targets
from fmask.model.selection import select
from fmask.model.types import Tensor
from fmask.model.validation import check_model
from fmask.utils.backend import require
from fmask.utils.settings import as_settings

LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")

Features = tuple[list[Tensor], Tensor, Tensor]
"""The outputs of the trunk: the pyramid's maps P2 to P6, RPN logits (B, A, 2) and RPN deltas (B, A, 4)."""


@keras.saving.register_keras_serializable("fmask")
class MaskRCNN(keras.Model):
    """A Mask R-CNN as a Keras model: call it to detect, `fit` it to train, save it as a `.keras` file.

    `fit`, `evaluate` and `train_on_batch` accept images (B, S, S, 3) as `x` and a dict of targets as `y`:

    - `boxes` (B, G, 4): y1, x1, y2, x2 in pixels, ends exclusive;
    - `class_ids` (B, G), integers: 1 to K - 1 for objects, 0 for padding, -1 for objects to ignore, and K + g for
      objects of which only the group g of `groups` is known;
    - `masks` (B, G, M, M): 0 or 1, each instance inside its own box, or -1 for an instance that does not train masks;
      M is 56 in this project.

    A larger class id stops the training with an error. `compile` needs an optimizer only: the five losses are
    part of the model, and each is a metric of its own.

    Args:
        backbone: the architecture, a key of `fmask.model.backbones.MODULES`.
        num_classes: K, the number of classes including the background.
        config: the network's settings; those of the published study by default.
        seed: seed of the random draws in training.
        groups: the class ids of each group of classes, for objects of which only the group is known; see
            `fmask.model.groups`.
    """

    def __init__(
        self,
        backbone: str = "resnet50",
        num_classes: int = 3,
        config: ModelConfig | None = None,
        seed: int = 0,
        name: str = "mask_rcnn",
        groups: Sequence[Sequence[int]] = (),
    ) -> None:
        super().__init__(name=name)
        config = config or ModelConfig()
        check_model(as_settings(config))
        self.backbone, self.num_classes, self.config, self.seed = backbone, num_classes, config, seed
        self.groups = check_groups(groups, num_classes)
        widths, regions = config.widths, config.regions
        backbone_norm, norm = (
            (Norm("frozen"), Norm("batch")) if config.norm == "frozen_backbone" else (Norm(config.norm),) * 2
        )

        with layers_in(config.precision):
            image = keras.Input((None, None, 3), name="image")
            below = backbone_of(backbone)
            # In float32: bf16 cannot represent a photo's 256 levels once a mean is subtracted from them.
            offsets = [-mean * below.scale for mean in below.mean]
            # Adding one number is ten times as fast as adding one number for each of three channels.
            offset = offsets[0] if len(set(offsets)) == 1 else offsets
            centre = keras.layers.Rescaling(below.scale, offset, name="centre", dtype="float32")
            pyramid = feature_pyramid(below.build(centre(image), backbone, backbone_norm), widths.fpn, norm)
            self.trunk = keras.Model(
                image, [pyramid, *rpn_head(pyramid, widths.rpn, len(config.anchors.ratios))], name="trunk"
            )
            self.box_head = box_head(regions.pool_box, widths.fpn, widths.box, num_classes, norm)
            self.mask_head = mask_head(regions.pool_mask, widths.fpn, widths.mask, widths.mask_convs, num_classes, norm)
        self.seeds = keras.random.SeedGenerator(seed)
        self.loss_means = [keras.metrics.Mean(name=name) for name in LOSSES]
        self.teachers: Teachers | None = None
        """Networks that it learns from too; see `fmask.model.distillation`."""
        self._in_step = False
        self.built = True

    def call(self, inputs: Tensor | Mapping[str, Tensor], training: bool = False) -> dict[str, Tensor] | Features:
        """Detect the objects in images.

        Args:
            inputs: images (B, S, S, 3), RGB in 0..255, S a multiple of 32; or a dict of `image` and `window` (B, 4),
                the normalised box of the part of each image that is not padding.
            training: whether batch normalisation uses the batch's statistics.

        Returns:
            A dict of `boxes` (B, D, 4), normalised (see `fmask.model.preprocessing`); `class_ids` (B, D), 0 where there
            is no detection; `scores` (B, D), best first; `masks` (B, D, 28, 28), the probabilities of the detected
            class. Within `train_step` and `test_step`, which need no detections, only the trunk's features.
        """
        images = inputs["image"] if isinstance(inputs, Mapping) else inputs
        _check_side(images)
        features = self.trunk(images, training=training)
        if self._in_step:
            return features
        window = inputs["window"] if isinstance(inputs, Mapping) else np.array([[0, 0, 1, 1]], np.float32)
        return self._detect(features, images.shape[1], window)

    def _detect(self, features: Features, size: int, window: Tensor) -> dict[str, Tensor]:
        pyramid, rpn_logits, rpn_deltas = features
        proposals = self.config.proposals
        regions = propose(
            normalise(self.anchors(size), size, size), rpn_logits, rpn_deltas, proposals, proposals.detect
        )
        logits, deltas = self.classify(pyramid, regions, size)
        boxes, class_ids, scores = select(regions, logits, deltas, window, self.config)
        mask_logits = self.segment(pyramid, boxes, class_ids > 0, size)
        choice = ops.one_hot(class_ids, self.num_classes, dtype=mask_logits.dtype)
        own = ops.sum(mask_logits * choice[:, :, None, None, :], axis=-1)
        return {"boxes": boxes, "class_ids": class_ids, "scores": scores, "masks": ops.sigmoid(own)}

    def make_train_function(self, force: bool = False) -> Any:
        if not self.optimizer.built:  # variables created while a graph is traced would cost a second tracing
            self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, *arguments: Any) -> Any:
        with self._step():
            return super().train_step(*arguments)

    def test_step(self, *arguments: Any) -> Any:
        with self._step():
            return super().test_step(*arguments)

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Make `call` return features within the block, for `compute_loss`."""
        self._in_step = True
        try:
            yield
        finally:
            self._in_step = False

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """Return the weighted sum of the five losses and the weight decay, and update the metric of each loss."""
        values = self.losses_of(y_pred, y, x.shape[1], training, x)
        for mean, name in zip(self.loss_means, LOSSES, strict=True):
            mean.update_state(values[name])
        weights = self.config.loss
        total = losses.weighted_sum(values, {name: getattr(weights, name.removesuffix("_loss")) for name in LOSSES})
        if weights.l2:
            decaying = [weight for weight in self.trainable_variables if weight.name not in ("gamma", "beta")]
            total += weights.l2 * sum(losses.mean_square(weight) for weight in decaying)
        return total

    def losses_of(
        self, features: Features, targets: Mapping[str, Tensor], size: int, training: bool, images: Tensor = None
    ) -> dict[str, Tensor]:
        """Compute the five losses of a batch.

        Args:
            features: the outputs of the trunk for images of side `size`.
            targets: the dict that `fit` accepts as `y`.
            size: S.
            training: whether anchors and regions are drawn at random; otherwise the draws are always the same.
            images: the images, for the teachers of a network that has some; they teach in training only.

        Returns:
            The losses, scalars, by their names in `LOSSES`.
        """
        config = self.config
        boxes = targets["boxes"]
        class_ids = require(
            targets["class_ids"],
            targets["class_ids"] < self.num_classes + len(self.groups),
            f"class_ids must be below num_classes={self.num_classes}"
            + (f" plus the {len(self.groups)} groups" if self.groups else ""),
        )
        anchors = self.anchors(size)
        unit_boxes = (boxes - np.array([0, 0, 1, 1], np.float32)) * np.float32(1 / (size - 1))
        batch = ops.shape(boxes)[0]

        pyramid, rpn_logits, rpn_deltas = features
        match, rpn_target = rpn_targets(anchors, boxes, class_ids, self._noise(batch, len(anchors), training))

        unit_anchors = normalise(anchors, size, size)
        proposals = propose(unit_anchors, rpn_logits, rpn_deltas, config.proposals, config.proposals.train)
        if config.regions.detach_proposals:
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
        side, pooling = mask_logits.shape[2], config.regions.pooling
        mask_target = mask_targets(positives, unit_boxes, targets["masks"], matched, side, size, pooling)
        members = members_of(self.groups, self.num_classes) if self.groups else None
        own_ids = positive_ids if members is None else most_probable(logits[:, :slots], positive_ids, members)
        mask_ids = ops.where(has_mask(targets["masks"], matched), own_ids, 0)
        counted = valid if config.regions.fill else ops.ones_like(valid)  # the reference counts padding as background
        counts = ops.cast(counted, logits.dtype)
        values = {
            "rpn_class_loss": losses.rpn_class_loss(rpn_logits, match),
            "rpn_bbox_loss": losses.rpn_bbox_loss(rpn_deltas, rpn_target, match),
            "mrcnn_class_loss": losses.mrcnn_class_loss(logits, region_ids, counts, members),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(deltas[:, :slots], box_target, own_ids),
            "mrcnn_mask_loss": losses.mrcnn_mask_loss(mask_logits, mask_target, mask_ids),
        }
        if self.teachers and training:
            outputs = HeadOutputs(logits, deltas[:, :slots], mask_logits)
            values |= self.teachers.mix(values, images, Drawn(regions, counts, own_ids, mask_ids), outputs)
        return values

    def anchors(self, size: int) -> np.ndarray:
        """Return the anchors (A, 4), in pixels, of images of side `size`."""
        chosen = self.config.anchors
        return pyramid_anchors(size, chosen.scales, chosen.ratios, chosen.offset)

    def classify(
        self, pyramid: list[Tensor], regions: Tensor, size: int, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Compute class logits (B, R, K) and deltas (B, R, K, 4) of normalised regions (B, R, 4)."""
        config = self.config
        pooled = pool_regions(pyramid, regions, config.regions.pool_box, size, config.regions, training)
        logits, deltas = self.box_head(pooled, training=training)
        return split_images(logits, regions.shape[1]), split_images(deltas, regions.shape[1])

    def segment(
        self, pyramid: list[Tensor], regions: Tensor, present: Tensor, size: int, training: bool = False
    ) -> Tensor:
        """Compute mask logits (B, R, 28, 28, K) of normalised regions (B, R, 4).

        The logits of regions that are not `present` (B, R) are arbitrary.
        """
        config, count = self.config.regions, regions.shape[1]
        rows, places = compact(ops.reshape(present, (-1,)))
        if training:
            pooled = ops.take(pool_regions(pyramid, regions, config.pool_mask, size, config), rows, axis=0)
        else:
            chosen = ops.take(ops.reshape(regions, (-1, 4)), rows, axis=0)
            image = ops.cast(rows // count, "int32")
            pooled = pool_by_gathering(pyramid, chosen, image, config.pool_mask, size, config)
        logits = self.mask_head(pooled, training=training)
        return split_images(ops.take(logits, places, axis=0), count)

    def _noise(self, batch: Tensor, count: int, training: bool) -> Tensor:
        """Return the random numbers for draws, (B, count) in [0, 1).

        In validation they are always the same, so that validation does not change the draws of training.
        """
        return keras.random.uniform((batch, count), seed=self.seeds if training else 0)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments from which `from_config` builds the same network, without its weights."""
        own = {"backbone": self.backbone, "num_classes": self.num_classes, "seed": self.seed, "name": self.name}
        return {**own, "config": asdict(self.config), "groups": self.groups}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(ModelConfig), config["config"]))
        return cls(**{**config, "config": settings})


def _check_side(images: Tensor) -> None:
    height, width = images.shape[1:3]
    if height != width or height % STRIDES[-2]:
        raise ValueError(f"Images must be squares whose side is a multiple of 32 pixels, not {height} x {width}.")
