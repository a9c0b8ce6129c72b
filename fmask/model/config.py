"""What can be chosen about the network. The defaults are those of the published study."""

from dataclasses import dataclass, field

from fmask.model.precision import POLICIES


@dataclass
class Anchors:
    """The boxes that proposals start from."""

    scales: list[float] = field(default_factory=lambda: [32.0, 64.0, 128.0, 256.0, 512.0])
    """Side length in pixels on P2..P6."""
    ratios: list[float] = field(default_factory=lambda: [0.5, 1.0, 2.0])
    """Width over height."""
    offset: float = 0.0
    """Centre in the cell: 0 = corner (reference), 0.5 = middle."""


@dataclass
class Proposals:
    """Which anchors become regions."""

    candidates: int = 6000
    """Best anchors looked at."""
    train: int = 2000
    """Kept in training."""
    detect: int = 1000
    """Kept in detection; fewer is far faster."""
    nms: float = 0.7
    """Overlap (IoU) above which the weaker of two is dropped."""


@dataclass
class Regions:
    """How regions are sampled, pooled and joined to pyramid levels."""

    count: int = 32
    """Sampled in an image for training the heads."""
    positive: float = 0.33
    """Share that may hold an object."""
    fill: bool = False
    """Fill up with background whatever the number of positives; False keeps their ratio (reference)."""
    add_objects: bool = False
    """Put the annotated boxes among the proposals, so that the heads see positives from the first step."""
    pooling: str = "crop"
    """crop: corner-aligned crop-and-resize (reference) | align: ROIAlign, 2 x 2 samples a bin, half-pixel centres."""
    canonical: float = 224.0
    """Side in pixels of a region that is pooled from P4."""
    rounding: str = "round"
    """Level of a region: round (reference) | floor (FPN paper, eq. 1)."""
    leak: bool = False
    """Let mrcnn_bbox_loss pull at the proposals that its targets are measured from, as the reference does."""
    pool_box: int = 7
    pool_mask: int = 14


@dataclass
class Widths:
    """Channels of the parts after the backbone."""

    fpn: int = 256
    rpn: int = 512
    box: int = 1024
    mask: int = 256
    mask_convs: int = 4


@dataclass
class Detection:
    """What is reported of what is seen."""

    floor: float = 0.05
    """Detections scored lower are never reported. Average precision looks at all others."""
    nms: float = 0.3
    """Overlap (IoU) above which the weaker of two detections of a class is dropped."""
    count: int = 100
    """Most detections in an image."""


@dataclass
class LossWeights:
    """What each loss counts for in their sum.

    The reference weighs all five alike. Its box losses are means over the few positives, in units of small standard
    deviations, and so outweigh the classification by far where training starts from random weights.
    """

    rpn_class: float = 1.0
    rpn_bbox: float = 1.0
    mrcnn_class: float = 1.0
    mrcnn_bbox: float = 1.0
    mrcnn_mask: float = 1.0
    l2: float = 1e-4
    """Of each kernel's and bias's mean square (a mean, not a sum: that is the reference's, and hardly anything)."""


@dataclass
class ModelConfig:
    """Everything that decides a Mask R-CNN's layers and arithmetic, but for its backbone."""

    precision: str = "fp32"
    """Of layers: fp32 | bf16, which processors that have it do in half the time. Weights, boxes and losses are fp32."""
    norm: str = "frozen"
    """frozen: moving statistics, trainable scale and shift (reference) | batch: ordinary batch normalisation in
    backbone and pyramid, none in the heads | group: group normalisation there, the same at any batch size."""
    widths: Widths = field(default_factory=Widths)
    anchors: Anchors = field(default_factory=Anchors)
    proposals: Proposals = field(default_factory=Proposals)
    regions: Regions = field(default_factory=Regions)
    detection: Detection = field(default_factory=Detection)
    loss: LossWeights = field(default_factory=LossWeights)


CLASSES = 3
"""K: background, mask, hat."""

LAYERS = ("all", "3+", "4+", "5+", "heads")
"""Which layers train: all, those from a stage of the backbone on, or only what comes after the backbone."""

BLOCKS = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
"""The backbones, and how many blocks their stages have."""

CHOICES = {
    "precision": tuple(POLICIES),
    "norm": ("frozen", "batch", "group"),
    "regions.pooling": ("crop", "align"),
    "regions.rounding": ("round", "floor"),
}
"""Settings that are words, and the words they take."""
