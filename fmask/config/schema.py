"""The schema of a run's configuration: the type, the range and the default of every key in `conf/`."""

import hashlib
from dataclasses import dataclass, field, fields, replace

from omegaconf import MISSING

from fmask.data.config import Aug, Data, Jitter
from fmask.model.backbones import MODULES
from fmask.model.config import LAYERS, ModelConfig
from fmask.utils.settings import between, one_of, side


@dataclass
class Recipe:
    """The training recipe; it sets many of the other keys."""

    name: str = MISSING


@dataclass
class Backbone:
    """The convolutional network below the feature pyramid."""

    name: str = one_of(*MODULES)


@dataclass
class Part:
    """One part of a schedule. A setting that is null takes the run's value."""

    aug: Aug | None = None
    """How training photos are augmented."""
    steps: int | None = None
    """Batches in an epoch."""
    val_steps: int | None = None
    """Batches in a validation."""
    epochs: int | None = None
    """Epochs of this part."""
    lr: float | None = None
    """Learning rate."""
    layers: str | None = None
    """Layers to train."""


@dataclass
class Schedule:
    """The training schedule: parts in order. Each part starts from the last weights of the part before."""

    name: str = MISSING
    parts: dict[str, Part] = field(default_factory=dict)
    """Name to part, in training order. A name consists of letters, digits, spaces, _ and -. Empty: one part
    with the run's own settings."""


@dataclass
class Optim:
    """The optimizer."""

    name: str = one_of("sgd", "adamw", default="sgd")
    """sgd (momentum 0.9) | adamw"""
    weight_decay: float = between(0, 1, default=0.0)
    """Decoupled weight decay of adamw."""
    backbone_lr: float = between(0.001, 1, default=1.0)
    """Factor of the learning rate in the backbone, for pretrained weights that should change less than new ones."""
    clip: float = between(1e-6, 1e6, default=5.0)
    """Largest global norm of the gradients; larger gradients are scaled down to it."""
    warmup: int = between(0, 1e6, default=0)
    """Steps over which the learning rate rises from zero to `lr`."""
    decay: str = one_of("constant", "cosine", default="constant")
    """Learning rate schedule after the warm-up: constant | cosine, down to a hundredth of `lr`"""
    ema: float = between(0, 0.99999, default=0.0)
    """Momentum of the moving average of the weights, which is scored and saved; 0 turns averaging off."""


@dataclass
class Distill:
    """Learning from trained networks, the teachers, beside the annotations."""

    teachers: list[str] = field(default_factory=list)
    """Runs, weight files or registered models that the network learns from; see `fmask.load`. They need the same
    classes, and may have another backbone. With a fold, a run stands for the run of its study with the same settings
    and seed on that fold. Each teacher makes a step about a third longer."""
    weight: float = between(0, 1, default=0.5)
    """Share of the teachers in the losses of the heads; the rest is that of the annotations."""


@dataclass
class Config(ModelConfig):
    """One run."""

    data: Data = field(default_factory=Data)
    """The photos."""
    backbone: Backbone = field(default_factory=Backbone)
    """The convolutional network below the feature pyramid."""
    aug: Aug = field(default_factory=Aug)
    """How training photos are augmented."""
    recipe: Recipe = field(default_factory=Recipe)
    """The training recipe; it sets many of the other keys."""
    schedule: Schedule = field(default_factory=Schedule)
    """The training schedule."""
    weights: str = "none"
    """Initial weights: `none`, `coco`, `imagenet`, a weight file, or `runs:/ID`, the last weights of a run."""
    layers: str = one_of(*LAYERS, default="all")
    """Layers to train: `all`; `3+`, `4+` or `5+`, the backbone from that stage on and all layers after it; or `heads`,
    only the layers after the backbone."""
    steps: int = between(1, 1e6, default=50)
    """Batches in an epoch."""
    val_steps: int = between(0, 1e6, default=10)
    """Batches in a validation; at most one pass over the split."""
    epochs: int = between(1, 1e5)
    """Epochs to train."""
    batch_size: int = between(1, 1024)
    """Photos in a batch."""
    lr: float = between(1e-9, 10)
    """Learning rate."""
    seed: int = between(0, 2**31 - 1, default=1)
    """Seed of all random draws."""
    fold: int | None = between(1, 100, default=None)
    """Number of the fold that the run is tested on, 1 to `data.folds`; null: the splits of the data set's folders."""
    crop_size: int = side()
    """Side in pixels of the square training images."""
    image_size: int = side()
    """Length in pixels that the longer side of photos is scaled to, in training (before jitter) and in detection. If it
    exceeds `crop_size`, the network trains on crops."""
    antialias: bool = True
    """Average pixels when photos are shrunk; false samples bilinearly, as the reference implementation does."""
    min_confidence: float = between(0, 1)
    """Lowest score of a detection that counts in the confusion matrix."""
    score_every: int = between(1, 1e5, default=5)
    """Epochs between two scorings of the validation photos; the best weights are chosen by these scores."""
    keep_weights: str = one_of("best_and_last", "last", "none", default="best_and_last")
    """Weight files that a finished run keeps: best_and_last | last | none. A search of many runs needs none."""
    onnx: bool = True
    """Keep the last network of a finished run as an ONNX file too, for detection without TensorFlow; its export takes
    about ten CPU seconds."""
    threads: int = between(0, 1024, default=0)
    """Processor threads for the network; 0 uses all."""
    optim: Optim = field(default_factory=Optim)
    """The optimizer."""
    jitter: Jitter = field(default_factory=Jitter)
    """Small random changes of view and colour, under the chosen `aug`."""
    distill: Distill = field(default_factory=Distill)
    """Learning from trained networks, the teachers, beside the annotations."""
    study: str = "fmask"
    """The MLflow experiment that the run belongs to."""

    def parts(self) -> dict[str, "Config"]:
        """Return the configuration of each part of the schedule, by the part's name."""
        chosen = {name: {key: value for key, value in vars(part).items() if value is not None}
                  for name, part in self.schedule.parts.items()}  # fmt: skip
        return {name: replace(self, **own) for name, own in (chosen or {self.schedule.name: {}}).items()}

    def random_seed(self) -> int:
        """Return the seed of all random draws: `seed`, or with a fold a number of its own for each seed and fold.

        So the networks that one seed has on several folds are independent of each other.
        """
        if self.fold is None:
            return self.seed
        return int.from_bytes(hashlib.sha256(f"{self.seed} {self.fold}".encode()).digest()[:4]) % 2**31

    def network_settings(self) -> ModelConfig:
        """Return the settings that define the network, without those of its training."""
        return ModelConfig(**{key.name: getattr(self, key.name) for key in fields(ModelConfig)})
