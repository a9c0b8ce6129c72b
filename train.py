"""Train once: python train.py aug=fliplr_clahe steps=50; go on with what was stopped: python train.py resume=RUN"""

from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from fmask.config.overrides import check_one_run, check_overrides, resumed_run
from fmask.config.schema import register, validate
from fmask.utils.exits import cli_errors

CONF = Path(__file__).parent / "conf"


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def run(config: DictConfig) -> None:
    from hydra.core.hydra_config import HydraConfig

    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.training.train import train

    with cli_errors("train.py"):  # here, for Hydra would show a traceback
        train(validate(config), Path(HydraConfig.get().runtime.output_dir))


def go_on(reference: str) -> None:
    import fmask.utils.backend  # noqa: F401 - before what imports Keras, to keep its loading quiet
    from fmask.training.train import resume

    resume(reference)


if __name__ == "__main__":
    with cli_errors("train.py"):
        register()
        typed = get_args_parser().parse_args()
        if resumed := resumed_run(typed.overrides):
            go_on(resumed)
        else:
            check_overrides(CONF, "train", typed.overrides)
            check_one_run(typed.overrides, typed.multirun)
            run()
