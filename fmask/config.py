"""What can be chosen on the command line: the schema that `conf/` fills in, and the checks before any work."""

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from fmask.data.config import SPLITS, Jitter, photos_root
from fmask.errors import UserError
from fmask.model.config import CHOICES, LAYERS, ModelConfig
from fmask.model.precision import fastest
from fmask.pretrained import coco_file, find_weights


@dataclass
class Named:
    """A choice that is a name and nothing more."""

    name: str = MISSING


@dataclass
class Data:
    """Which photos."""

    name: str = MISSING
    root: str | None = None
    """Folder with train/, val/ and test/; null: where this data set is kept."""
    counts: dict[str, int] = field(default_factory=dict)
    """Photos in each split; for those that are drawn."""


@dataclass
class Aug:
    """How training photos are changed; `fmask.data.augment` tells how augmenters are written."""

    name: str = MISSING
    augmenters: list[Any] = field(default_factory=list)


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
    """Momentum of the weights' running mean, which is what the trained network keeps; 0 keeps the last weights."""


@dataclass
class Config(ModelConfig):
    """One run."""

    data: Data = field(default_factory=Data)
    backbone: Named = field(default_factory=Named)
    aug: Aug = field(default_factory=Aug)
    recipe: Named = field(default_factory=Named)
    schedule: Schedule = field(default_factory=Schedule)
    weights: str = "none"
    """What training starts from: none | coco | imagenet | a weight file | runs:/ID, the best weights of a run"""
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
    "size": (64, 2048),
    "fit": (64, 2048),
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
    "loss.l2": (0, 1),
    "widths.fpn": (8, 1024),
    "widths.rpn": (8, 2048),
    "widths.box": (8, 4096),
    "widths.mask": (8, 1024),
    "widths.mask_convs": (0, 8),
    "anchors.offset": (0, 1),
    "proposals.candidates": (1, 300000),
    "proposals.train": (1, 20000),
    "proposals.detect": (1, 20000),
    "proposals.nms": (0, 1),
    "regions.count": (4, 2000),
    "regions.positive": (0.01, 0.99),
    "regions.canonical": (1, 10000),
    "regions.pool_box": (2, 28),
    "regions.pool_mask": (2, 56),
    "detection.floor": (0, 1),
    "detection.nms": (0, 1),
    "detection.count": (1, 1000),
}
_CHOICES = CHOICES | {
    "layers": LAYERS,
    "optim.name": ("sgd", "adamw"),
    "optim.decay": ("constant", "cosine"),
}


_OPEN = ("data.counts.", "schedule.parts.")
"""Below these, names are the user's choice."""


def register() -> None:
    """Makes the schema and the defaults that depend on what is installed known to Hydra. Call before composing."""
    ConfigStore.instance().store(name="schema", node=Config)
    for name, choose in {
        "installed_data": lambda: "photos" if photos_root() else "rendered",
        "installed_recipe": lambda: "report" if coco_file().exists() else "scratch",
        "fastest_precision": fastest,
    }.items():
        OmegaConf.register_new_resolver(name, choose, replace=True)


def check_overrides(conf: Path, name: str, overrides: list[str]) -> None:
    """Composes the configuration once, to refuse a wrong key or value with one sentence before anything is loaded.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    groups = {
        folder.name: sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.glob("**/*.yaml"))
        for folder in conf.iterdir()
        if folder.is_dir()
    }
    keys = _keys(OmegaConf.structured(Config))
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise UserError(f"{' '.join(overrides)!r} cannot be read as overrides: {_first_line(error)}.") from error
    for override in parsed:
        key = override.key_or_group
        if key.split("/")[0] == "hydra" or key.startswith("hydra.") or override.is_add() or override.is_delete():
            continue
        value = override.value()
        if key in groups and isinstance(value, str) and value not in groups[key]:
            raise UserError(f"{key}={value}: there is no such choice; {key} is one of {', '.join(groups[key])}.")
        if key not in groups and key not in keys and not key.startswith(_OPEN):
            near = difflib.get_close_matches(key, [*groups, *keys], n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"allowed are {', '.join([*groups, *keys])}."
            raise UserError(f"{override.input_line}: there is no key {key!r}; {hint}")
    if any(override.is_sweep_override() for override in parsed):
        return
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            validate(compose(name, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ or error  # Hydra says which override, OmegaConf beneath it what is wrong
        told = "" if cause is error else f" ({_first_line(error)})"
        raise UserError(f"{_first_line(cause)}{told}.") from error
    finally:
        GlobalHydra.instance().clear()


def resumed_run(overrides: list[str]) -> str | None:
    """What `resume=` among the overrides names; None where it is not there.

    Raises:
        UserError: there are others beside it.
    """
    named = [override.removeprefix("resume=") for override in overrides if override.startswith("resume=")]
    if named and len(overrides) > 1:
        others = " ".join(override for override in overrides if override != f"resume={named[0]}")
        raise UserError(f"resume={named[0]} goes on with the run's own configuration; leave out {others}.")
    return named[0] if named else None


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
        for key, (low, high) in _LIMITS.items():
            value = OmegaConf.select(place, key)
            if value is not None and not low <= value <= high:
                raise UserError(f"{prefix}{key}={value}: allowed is {low:g} to {high:g}.")
        for key, words in _CHOICES.items():
            value = OmegaConf.select(place, key)
            if value is not None and value not in words:
                raise UserError(f"{prefix}{key}={value}: allowed is {' or '.join(words)}.")
    for key in ("size", "fit"):
        if config[key] % 32:
            near = max(64, round(config[key] / 32) * 32)
            raise UserError(f"{key}={config[key]}: the side must be a multiple of 32, such as {near}.")
    if config.data.counts and (set(config.data.counts) != set(SPLITS) or min(config.data.counts.values()) < 1):
        raise UserError(
            f"data.counts={dict(config.data.counts)}: needed is at least one photo for each of {', '.join(SPLITS)}."
        )
    if len(config.anchors.scales) != 5 or min(config.anchors.scales) <= 0:
        raise UserError(
            f"anchors.scales={list(config.anchors.scales)}: five positive sides in pixels are needed, for P2 to P6."
        )
    if not config.anchors.ratios or min(config.anchors.ratios) <= 0:
        raise UserError(
            f"anchors.ratios={list(config.anchors.ratios)}: at least one positive width over height is needed."
        )
    regions = config.regions
    if int(regions.positive * regions.count) < 1:
        raise UserError(f"regions.positive={regions.positive}: this share of regions.count={regions.count} is not one.")
    if config.proposals.train < regions.count:
        raise UserError(f"proposals.train={config.proposals.train}: needed are at least regions.count={regions.count}.")
    result = OmegaConf.to_object(config)
    assert isinstance(result, Config)
    find_weights(result.weights, result.backbone.name)
    for part in result.parts().values():
        if part.aug.augmenters:
            from fmask.data import augment

            augment.build(part.aug.augmenters)
    return result


def _keys(node: Any, prefix: str = "") -> list[str]:
    """Dotted names of all settings."""
    keys = []
    for key in node:
        keys.append(f"{prefix}{key}")
        if OmegaConf.is_dict(node._get_node(key)) and not OmegaConf.is_missing(node, key):
            keys += _keys(node[key], f"{prefix}{key}.")
    return keys


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
