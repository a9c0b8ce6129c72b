"""What can be chosen on the command line: the schema that `conf/` fills in, and the checks before any work."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from fmask.data.config import SPLITS, Aug, Data, Jitter, photos_root
from fmask.model.config import BLOCKS, LAYERS, ModelConfig
from fmask.model.precision import fastest
from fmask.model.validation import check_memory, check_model, check_side, check_values
from fmask.model.weights.metadata import read_recipe
from fmask.model.weights.pretrained import coco_file, find_weights
from fmask.utils.errors import UserError


@dataclass
class Named:
    """A choice that is a name and nothing more."""

    name: str = MISSING


@dataclass
class Part:
    """A stretch of training. What is null is as at the top."""

    aug: Aug | None = None
    steps: int | None = None
    val_steps: int | None = None
    epochs: int | None = None
    lr: float | None = None
    layers: str | None = None


@dataclass
class Schedule:
    """Parts of a training, each starting from the weights that the one before it ended with."""

    name: str = MISSING
    parts: dict[str, Part] = field(default_factory=dict)
    """In their order, by names of the user's choice; none is one part with everything from the top."""


@dataclass
class Optim:
    """How weights are changed."""

    name: str = "sgd"
    """sgd (momentum 0.9) | adamw"""
    weight_decay: float = 0.0
    clip: float = 5.0
    """The gradients' global norm is cut to this."""
    warmup: int = 0
    """Steps until the full learning rate."""
    decay: str = "constant"
    """constant | cosine, to a hundredth at the end"""
    ema: float = 0.0
    """Momentum of the weights' running mean, which is what is scored and what the trained network keeps; 0 keeps the
    last weights."""


@dataclass
class Config(ModelConfig):
    """One run."""

    data: Data = field(default_factory=Data)
    backbone: Named = field(default_factory=Named)
    aug: Aug = field(default_factory=Aug)
    recipe: Named = field(default_factory=Named)
    schedule: Schedule = field(default_factory=Schedule)
    weights: str = "none"
    """What training starts from: none | coco | imagenet | a weight file | runs:/ID, the weights of a run at its end"""
    layers: str = "all"
    """What trains: all | 3+ | 4+ | 5+ | heads; the first stages see edges and colours, the heads masks and hats."""
    steps: int = 50
    """Batches an epoch."""
    val_steps: int = 10
    """Batches a validation; never more than one pass over the split."""
    epochs: int = MISSING
    batch: int = MISSING
    lr: float = MISSING
    seed: int = 1
    size: int = MISSING
    """Side in pixels of the square that is trained on, a multiple of 32."""
    fit: int = MISSING
    """Longer side of a photo in pixels, in training before jitter and in detection; a multiple of 32. Where it exceeds
    `size`, training sees crops."""
    smooth: bool = True
    """Shrink photos with averaging; false samples them bilinearly as the reference does."""
    min_confidence: float = MISSING
    """Detections scored lower are not counted in the confusion matrix."""
    score_every: int = 5
    """Epochs between scorings of the validation photos, which also choose the best weights."""
    threads: int = 0
    """Processor threads for the network; 0 takes all there are."""
    optim: Optim = field(default_factory=Optim)
    jitter: Jitter = field(default_factory=Jitter)
    study: str = "fmask"
    """The MLflow experiment that the run belongs to."""

    def parts(self) -> dict[str, "Config"]:
        """What each part of the schedule trains with."""
        chosen = {name: {key: value for key, value in vars(part).items() if value is not None}
                  for name, part in self.schedule.parts.items()}  # fmt: skip
        return {name: replace(self, **own) for name, own in (chosen or {self.schedule.name: {}}).items()}


_LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 1e6),
    "val_steps": (0, 1e6),
    "epochs": (1, 1e5),
    "batch": (1, 1024),
    "lr": (1e-9, 10),
    "seed": (0, 2**31 - 1),
    "min_confidence": (0, 1),
    "score_every": (1, 1e5),
    "threads": (0, 1024),
    "optim.weight_decay": (0, 1),
    "optim.clip": (1e-6, 1e6),
    "optim.warmup": (0, 1e6),
    "optim.ema": (0, 0.99999),
    "jitter.flip": (0, 1),
    "jitter.scale": (0, 4),
    "jitter.rotate": (0, 180),
    "jitter.focus": (0, 1),
    "jitter.colour": (0, 1),
    "jitter.hue": (0, 180),
    "jitter.grey": (0, 1),
    "jitter.dye": (0, 1),
    "jitter.paste": (0, 1),
}
_CHOICES = {
    "backbone.name": tuple(BLOCKS),
    "layers": LAYERS,
    "optim.name": ("sgd", "adamw"),
    "optim.decay": ("constant", "cosine"),
}


def register() -> None:
    """Makes the schema and the defaults that depend on what is installed known to Hydra. Call before composing."""
    ConfigStore.instance().store(name="schema", node=Config)
    for name, choose in {
        "installed_data": lambda: "photos" if photos_root() else "rendered",
        "installed_recipe": lambda: "report" if coco_file().exists() else "scratch",
        "fastest_precision": fastest,
    }.items():
        OmegaConf.register_new_resolver(name, choose, replace=True)


def validate(config: Any) -> Config:
    """The composed configuration as a `Config`.

    Raises:
        UserError: a value that is missing or out of its range, naming the key and what is allowed.
    """
    missing = OmegaConf.missing_keys(config)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))}: no value is set; the chosen recipe should give one.")
    places = [("", config), *((f"schedule.parts.{name}.", part) for name, part in config.schedule.parts.items())]
    for prefix, place in places:
        check_values(place, _LIMITS, _CHOICES, prefix)
    for key in ("size", "fit"):
        check_side(key, config[key])
    check_model(config)
    check_memory(config, max(config.size, config.fit))
    if config.data.counts and (set(config.data.counts) != set(SPLITS) or min(config.data.counts.values()) < 1):
        raise UserError(
            f"data.counts={dict(config.data.counts)}: needed is at least one photo for each of {', '.join(SPLITS)}."
        )
    if config.data.root is not None and not Path(config.data.root).is_dir():
        raise UserError(f"data.root={config.data.root} is no folder; needed is one with {', '.join(SPLITS)}.")
    if not config.study.strip():
        raise UserError("study= is empty; needed is the name of an MLflow experiment.")
    result = OmegaConf.to_object(config)
    assert isinstance(result, Config)
    if file := find_weights(result.weights, result.backbone.name):
        _check_norm(result, file)
    for part in result.parts().values():
        if part.aug.augmenters:
            from fmask.data.transforms import augment

            augment.build(part.aug.augmenters)
    return result


def _check_norm(config: Config, file: Path) -> None:
    """Group normalisation has other variables than the other two; what is scaled for the one is not for the other."""
    try:
        theirs = read_recipe(file).model.norm
    except UserError:  # of COCO or ImageNet, or in matterport's layout
        theirs = "batch"
    if (theirs == "group") != (config.norm == "group"):
        others = "with norm=group" if config.norm == "group" else "with norm=frozen or norm=batch"
        raise UserError(
            f"norm={config.norm} weights={config.weights}: these weights are of a network with norm={theirs}; allowed "
            f"is weights=none, or a file of a network {others}."
        )
