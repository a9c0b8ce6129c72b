"""Names of training runs."""

import re
from collections.abc import Sequence

from fmask.config.schema import Config
from fmask.utils.secrets import shortened, without_secrets

_UNNAMED = ("hydra.", "hydra/", "data=", "backbone=", "study=", "threads=")


def typed_overrides() -> Sequence[str] | None:
    """Return the overrides of the command line, without those of Hydra; None outside Hydra."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else None


def run_name(config: Config, overrides: Sequence[str] | None = None) -> str:
    """Return the name of a run, at most 100 characters: data, backbone and overrides (or aug, steps, seed).

    The study, under which the run is listed, and the number of threads are left out.
    """
    if overrides is None:
        aug = ",".join(part.aug.name for part in config.parts().values())
        overrides = [f"aug={aug}", f"steps={config.steps}", f"seed={config.seed}"]
    typed = [each for each in overrides if not each.startswith(_UNNAMED)]
    typed = [re.sub(r"^experiment=.*/", "experiment=", each) for each in typed]
    return shortened(without_secrets(" ".join([config.data.name, config.backbone.name, *typed])), 100)
