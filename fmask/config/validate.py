"""Validation of a composed configuration, before any work is done."""

import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from fmask.config.schema import Config
from fmask.data.class_map import read_map, read_mapping
from fmask.data.config import DEFAULT_FOLDS, SPLITS
from fmask.model.validation import check_memory, check_model
from fmask.model.weights.metadata import read_metadata
from fmask.model.weights.pretrained import find_weights
from fmask.structures.classes import check_classes
from fmask.structures.hierarchy import read_hierarchy
from fmask.utils.errors import UserError
from fmask.utils.settings import check_settings


def validate(config: Any) -> Config:
    """Check a composed configuration.

    Returns:
        The configuration as a `Config`.

    Raises:
        UserError: a value is missing or not allowed; the message names the key and the allowed values.
    """
    missing = OmegaConf.missing_keys(config)
    if missing:
        raise UserError(f"{', '.join(sorted(missing))}: no value is set; the chosen recipe should set one.")
    check_settings(config, Config)
    for name, part in config.schedule.parts.items():
        if not re.fullmatch(r"\w[\w -]*", name):  # part of the names of MLflow's metrics and artifacts
            raise UserError(f"schedule.parts: {name!r} may contain only letters, digits, spaces, _ and -.")
        check_settings(part, Config, f"schedule.parts.{name}.")
    check_model(config)
    check_memory(config, max(config.crop_size, config.image_size))
    if config.data.counts and (set(config.data.counts) != set(SPLITS) or min(config.data.counts.values()) < 1):
        raise UserError(
            f"data.counts must have at least one photo for each of {', '.join(SPLITS)}, not {dict(config.data.counts)}."
        )
    _check_folds(config)
    if config.data.classes is not None:
        check_classes(config.data.classes)
    hierarchy = read_hierarchy(read_mapping(config.data.hierarchy), config.data.classes)
    mapped = read_map(config.data.map, config.data.classes, "data.map", hierarchy)
    if config.data.attribute is not None and not config.data.attribute.strip():
        raise UserError(
            "data.attribute= is empty; it must name the VIA region attribute that holds the class, or be null to find "
            "it."
        )
    if config.data.root is not None and not Path(config.data.root).is_dir():
        raise UserError(f"data.root={config.data.root} is not a folder; it must be a folder with {', '.join(SPLITS)}.")
    if not config.study.strip():
        raise UserError("study= is empty; it must be the name of an MLflow experiment.")
    if {".", ".."} & set(re.split(r"[/\\]", config.study)):  # a sweep's folder would be outside `multirun`
        raise UserError(
            f"study={config.study} must not contain . or .. as a folder: a sweep's output is in multirun/STUDY."
        )
    result = OmegaConf.to_object(config)
    assert isinstance(result, Config)
    result.data.map = mapped if config.data.map is not None else None
    result.data.hierarchy = {parent: list(leaves) for parent, leaves in hierarchy.items()} or None
    if result.fold is not None:
        result.data.folds = result.data.folds or DEFAULT_FOLDS
    if file := find_weights(result.weights, result.backbone.name):
        _check_norm(result, file)
    for teacher in result.distill.teachers:
        if Path(teacher).suffix and not Path(teacher).exists():
            raise UserError(f"distill.teachers: {teacher}: there is no such weight file.")
    for part in result.parts().values():
        if part.aug.augmenters:
            from fmask.data.transforms import augment

            augment.build(part.aug.augmenters)
    return result


def _check_folds(config: Any) -> None:
    """Refuse folds without the fold to test on, a fold that does not exist, and splits that do not exist."""
    folds = config.data.folds
    if config.fold is None and folds is not None:
        numbers = ",".join(map(str, range(1, min(folds, 5) + 1))) + ",..." * (folds > 5)
        raise UserError(
            f"data.folds={folds} needs the fold to test on, such as fold=1; fold={numbers} in a sweep trains all."
        )
    if config.fold is not None and config.fold > (folds or DEFAULT_FOLDS):
        raise UserError(f"fold must be between 1 and data.folds={folds or DEFAULT_FOLDS}, not {config.fold}.")
    chosen = list(config.data.fold_splits)
    if not chosen or not set(chosen) <= set(SPLITS) or len(set(chosen)) < len(chosen):
        raise UserError(f"data.fold_splits must be some of {', '.join(SPLITS)}, each once, not [{', '.join(chosen)}].")


def _check_norm(config: Config, file: Path) -> None:
    """Refuse weights whose normalisation layers do not have the same variables as the network's."""
    try:
        weights_norm = read_metadata(file).model.norm
    except UserError:  # no metadata: COCO or ImageNet weights, or another file in matterport's layout
        weights_norm = "batch"
    if (weights_norm == "group") != (config.norm == "group"):
        suitable = "with norm=group" if config.norm == "group" else "with norm=frozen or norm=batch"
        raise UserError(
            f"norm={config.norm} weights={config.weights}: these weights belong to a network with norm={weights_norm}; "
            f"use weights=none, or a file of a network {suitable}."
        )
