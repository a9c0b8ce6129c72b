"""Compose configurations as `fmask train` does."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from fmask.config.compose import register
from fmask.config.schema import Config
from fmask.config.validate import validate

CONF = Path(__file__).parents[2] / "conf"


def composed(*overrides: str) -> Config:
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return validate(compose("train", list(overrides)))


def smoke(*overrides: str) -> Config:
    """Return the configuration of a short run, without an ONNX file, whose export would take longer than the run."""
    return composed("experiment=smoke", "onnx=false", *overrides)
