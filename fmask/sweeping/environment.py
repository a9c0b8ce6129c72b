"""The environment variables that a sweep hands to its jobs on other machines.

The jobs of the local launcher and of Slurm have the sweep's whole environment. Those of Ray have the environment of
`ray start`, which knows nothing of the sweep.
"""

import os
import re

from omegaconf import DictConfig, OmegaConf

from fmask import tracking


def jobs_environment(config: DictConfig) -> dict[str, str]:
    """Return the variables that each job of a sweep must have in addition to those of its process.

    On Ray, these are MLflow's variables with the address of the store, Keras' backend, and the variables that the
    sweeper's settings name. They travel with the pickled job and not as settings, which Hydra and Ray write to disk:
    they may contain passwords.

    Args:
        config: the sweep's configuration.
    """
    if OmegaConf.select(config, "hydra.launcher.ray") is None:
        return {}
    named = re.findall(r"\$\{oc\.env:\s*(\w+)", OmegaConf.to_yaml(config.hydra.sweeper))
    names = {name for name in os.environ if name.startswith("MLFLOW_")} | {"KERAS_BACKEND", *named}
    found = {name: os.environ[name] for name in names if name in os.environ}
    return found | {"MLFLOW_TRACKING_URI": tracking.tracking_uri()}
