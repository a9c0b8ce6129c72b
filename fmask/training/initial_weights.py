"""The weights that a training starts from: found before a run is opened, and known by what is in them."""

from dataclasses import dataclass

from fmask import tracking
from fmask.config.schema import Config
from fmask.model.weights.pretrained import RUN, find_weights
from fmask.utils.files import sha256_of

START = "weights/start.json"
"""The artifact that keeps which they were, and which layers had them."""


@dataclass(frozen=True)
class Start:
    """Weights that training starts from."""

    weights: str
    """As they were chosen."""
    path: str
    run: str | None
    """Id of the run that ended with them, which may be chosen as `runs:/best`."""
    sha256: str

    def __str__(self) -> str:
        return f"{f'{RUN}{self.run}' if self.run else self.weights} {self.sha256[:16]}"


def find_start(config: Config) -> Start | None:
    """What `weights=` chooses; None for random weights.

    Raises:
        UserError: there is no such file, or no such run.
    """
    if config.weights == "none":
        return None
    run = tracking.find_run(config.weights).id if config.weights.startswith(RUN) else None
    file = find_weights(config.weights, config.backbone.name) or tracking.download_weights(f"{RUN}{run}")
    return Start(config.weights, str(file), run, sha256_of(file))
