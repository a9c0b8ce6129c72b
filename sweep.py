"""Train many times: python sweep.py aug=none,sharpen,blur"""

from collections.abc import Mapping
from pathlib import Path

from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from fmask import sweeping
from fmask.config.schema import register, validate
from fmask.utils.exits import cli_errors

CONF = Path(__file__).parent / "conf"


def job(config: DictConfig) -> Mapping[str, float]:
    from hydra.core.hydra_config import HydraConfig

    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.sweeping import pruning
    from fmask.training.train import train

    register()  # for what the configuration asks of the machine, in a process that has only just started
    folder = Path(HydraConfig.get().runtime.output_dir)
    return train(validate(config), folder, callbacks=pruning.callbacks()).metrics


if __name__ == "__main__":
    with cli_errors("sweep.py"):
        register()
        sweeping.check(CONF, "sweep", get_args_parser().parse_args().overrides)
        sweeping.main(job, CONF, "sweep")
