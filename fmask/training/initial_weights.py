"""The weights that a training starts from, with their content hash. They are found before a run is opened."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from fmask import tracking
from fmask.config.schema import Config
from fmask.data.dataset import Dataset
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.imagenet import load_imagenet
from fmask.model.weights.matterport import load_weights
from fmask.model.weights.pretrained import RUN, find_weights
from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of

INITIAL_WEIGHTS_ARTIFACT = "weights/start.json"
"""Artifact of a run that records its initial weights and the layers that were loaded from them."""


@dataclass(frozen=True)
class InitialWeights:
    """The weights that a training starts from. Field names are keys of the artifact."""

    weights: str
    """The setting `weights=`."""
    path: str
    """The weight file."""
    run: str | None
    """Id of the run that produced them, also where `weights=runs:/best` chose it; None for other weights."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""

    def __str__(self) -> str:
        return f"{f'{RUN}{self.run}' if self.run else self.weights} {self.sha256[:16]}"


def find_initial_weights(config: Config) -> InitialWeights | None:
    """Find the weights that `weights=` chooses, and download those of a run; None for random weights.

    Raises:
        UserError: the file or the run does not exist.
    """
    if config.weights == "none":
        return None
    run = tracking.find_run(config.weights).id if config.weights.startswith(RUN) else None
    file = find_weights(config.weights, config.backbone.name) or tracking.download_weights(f"{RUN}{run}")
    return InitialWeights(config.weights, str(file), run, sha256_of(file))


def refuse_other_fold(weights: InitialWeights, config: Config, dataset: Dataset) -> None:
    """Refuse the weights of a run on another fold of the same deal: it was trained on the test photos.

    Raises:
        UserError: the weights are of such a run.
    """
    if not weights.run or config.fold is None:
        return
    run = tracking.find_run(weights.run)
    deal = run.datasets.get("folds", "").rpartition("@")[2]
    if deal == dataset.digests()["folds"][:16] and run.params.get("fold") != str(config.fold):
        raise UserError(
            f"weights={weights.weights}: the run {weights.run} was trained with fold={run.params.get('fold')}, and so "
            f"on the test photos of fold={config.fold}; choose a run with fold={config.fold}, or other weights."
        )


def load_initial_weights(
    weights: InitialWeights, network: MaskRCNN, classes: Sequence[str], run: tracking.Run, console: Console
) -> None:
    """Load the initial weights into the network, and log their source and the layers that were loaded."""
    path = Path(weights.path)
    loaded = load_imagenet(network, path) if weights.weights == "imagenet" else load_weights(network, path, classes)
    console.print(f"weights={weights.weights}: {loaded}", highlight=False, soft_wrap=True)
    run.log_json(asdict(loaded) | asdict(weights), INITIAL_WEIGHTS_ARTIFACT)
