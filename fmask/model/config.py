"""The settings of the network. Their defaults are those of the published study."""

from dataclasses import dataclass, field

from fmask.model.precision import POLICIES
from fmask.utils.settings import between, one_of

LAYERS = ("all", "3+", "4+", "5+", "heads")
"""Choices of layers to train: all, those from a backbone stage on, or only those after the backbone."""


@dataclass
class Anchors:
    """The anchor boxes of the region proposal network."""

    scales: list[float] = field(default_factory=lambda: [32.0, 64.0, 128.0, 256.0, 512.0])
    """Side lengths in pixels on the pyramid levels P2 to P6."""
    ratios: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])
    """Width divided by height."""
    offset: float = between(0, 1, default=0.0)
    """Position of an anchor's centre in its cell: 0 is the corner (reference), 0.5 the middle."""


@dataclass
class Proposals:
    """How proposals are selected from the anchors."""

    candidates: int = between(1, 300_000, default=6000)
    """Number of anchors, by highest score, that enter non-maximum suppression."""
    train: int = between(1, 20_000, default=2000)
    """Proposals kept in training."""
    detect: int = between(1, 20_000, default=1000)
    """Proposals kept in detection; fewer are much faster."""
    nms: float = between(0, 1, default=0.7)
    """IoU above which non-maximum suppression drops the proposal with the lower score."""


@dataclass
class Regions:
    """How regions are sampled, pooled and assigned to pyramid levels."""

    count: int = between(4, 2000, default=32)
    """Regions sampled in an image to train the heads."""
    positive: float = between(0.01, 0.99, default=0.33)
    """Largest share of the sampled regions that contain an object."""
    fill: bool = False
    """True fills up the regions with background. False keeps the ratio of positives to background (reference)."""
    add_objects: bool = False
    """Add the annotated boxes to the proposals, so that the heads see positives from the first step on."""
    pooling: str = one_of("crop", "align", default="crop")
    """crop: corner-aligned crop-and-resize (reference) | align: ROIAlign, 2 x 2 samples a bin, half-pixel centres."""
    canonical: float = between(1, 10_000, default=224.0)
    """Side in pixels of a region that is pooled from P4."""
    rounding: str = one_of("round", "floor", default="round")
    """How a region's pyramid level is rounded: round (reference) | floor (FPN, Lin 2017, eq. 1)."""
    detach_proposals: bool = True
    """Stop the gradient of mrcnn_bbox_loss at the proposals; the reference does not."""
    pool_box: int = between(2, 28, default=7)
    """Side in bins of the pooled regions for the box head."""
    pool_mask: int = between(2, 56, default=14)
    """Side in bins of the pooled regions for the mask head; masks have twice that side."""


@dataclass
class Widths:
    """Channels of the parts after the backbone."""

    fpn: int = between(8, 1024, default=256)
    """Channels of the feature pyramid."""
    rpn: int = between(8, 2048, default=512)
    """Channels of the region proposal network."""
    box: int = between(8, 4096, default=1024)
    """Units of the two hidden layers of the box head."""
    mask: int = between(8, 1024, default=256)
    """Channels of the mask head."""
    mask_convs: int = between(0, 8, default=4)
    """3 x 3 convolutions in the mask head before it is upsampled."""


@dataclass
class Detection:
    """Which detections are reported."""

    floor: float = between(0, 1, default=0.05)
    """Lowest score of a reported detection. Average precision uses all reported detections."""
    nms: float = between(0, 1, default=0.3)
    """IoU above which non-maximum suppression drops the detection of the same class with the lower score."""
    count: int = between(1, 1000, default=100)
    """Largest number of detections in an image."""
    align_corners: bool = True
    """Scale boxes from the network's frame to the photo so that the centres of corner pixels coincide, as the reference
    does; they lose up to a pixel of the frame. False scales pixels, so that the edges coincide."""


@dataclass
class LossWeights:
    """The weight of each loss in the total.

    The reference weighs all five losses equally. Its box losses are means over the few positives, in units of small
    standard deviations. From random weights they outweigh the classification losses by far.
    """

    rpn_class: float = between(0, 1000, default=1.0)
    """Weight of rpn_class_loss."""
    rpn_bbox: float = between(0, 1000, default=1.0)
    """Weight of rpn_bbox_loss."""
    mrcnn_class: float = between(0, 1000, default=1.0)
    """Weight of mrcnn_class_loss."""
    mrcnn_bbox: float = between(0, 1000, default=1.0)
    """Weight of mrcnn_bbox_loss."""
    mrcnn_mask: float = between(0, 1000, default=1.0)
    """Weight of mrcnn_mask_loss."""
    l2: float = between(0, 1, default=1e-4)
    """Weight of the sum of each kernel's and bias's mean square. The reference takes the mean too, not the sum."""


@dataclass
class ModelConfig:
    """The settings of a Mask R-CNN, except its backbone and its classes."""

    precision: str = one_of(*POLICIES, default="fp32")
    """Number format of the layers: fp32 | bf16, which takes half the time on processors that support it. Weights, boxes
    and losses are always fp32."""
    norm: str = one_of("frozen", "batch", "frozen_backbone", "group", default="frozen")
    """frozen: batch normalisation by its moving statistics, with trainable scale and shift (reference) | batch: batch
    normalisation in backbone and pyramid, none in the heads | frozen_backbone: frozen in the backbone, batch
    normalisation in the pyramid | group: group normalisation, the same for any batch."""
    widths: Widths = field(default_factory=Widths)
    """Channels of the parts after the backbone."""
    anchors: Anchors = field(default_factory=Anchors)
    """The anchor boxes of the region proposal network."""
    proposals: Proposals = field(default_factory=Proposals)
    """How proposals are selected from the anchors."""
    regions: Regions = field(default_factory=Regions)
    """How regions are sampled, pooled and assigned to pyramid levels."""
    detection: Detection = field(default_factory=Detection)
    """Which detections are reported."""
    loss: LossWeights = field(default_factory=LossWeights)
    """The weight of each loss in the total."""
