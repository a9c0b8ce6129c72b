"""One run, from configuration to scores."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

import keras
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from fmask import tracking
from fmask.config.compose import compose_config
from fmask.config.schema import Config
from fmask.config.validate import validate
from fmask.data.dataset import Dataset
from fmask.data.open import describe, open_dataset
from fmask.evaluation import figures
from fmask.evaluation.report import log_scores, log_split, score, summary
from fmask.evaluation.scores import Scores
from fmask.inference.batched import predict_photos
from fmask.inference.keras_predictor import KerasPredictor
from fmask.model.config import ModelConfig
from fmask.model.mask_rcnn import MaskRCNN
from fmask.model.weights.imagenet import load_imagenet
from fmask.model.weights.matterport import load_weights
from fmask.structures.detections import CLASS_NAMES, Detections
from fmask.training import checkpoint
from fmask.training.checkpoint import Checkpoint
from fmask.training.fit import fit
from fmask.training.initial_weights import START, Start, find_start
from fmask.training.provenance_diff import refuse_other_data
from fmask.utils.errors import Diverged, Pruned, UserError
from fmask.utils.locks import lock_folder
from fmask.utils.renamed_settings import rename_settings


@dataclass(frozen=True)
class Result:
    """What is left of a run."""

    run_id: str
    scores: dict[str, dict[float, Scores]]
    """By split, val and test, and by the confidence from which detections count."""
    metrics: dict[str, float]
    """The last value of each that was logged, by its name in MLflow; with a resumed run, since then."""


def train(
    config: Config | Sequence[str] = (),
    output_dir: Path | None = None,
    console: Console | None = None,
    tags: Mapping[str, str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Result:
    """Train a Mask R-CNN, score it on the validation and test photos, and log everything to MLflow.

    Args:
        config: overrides as on the command line, such as `["aug=fliplr_clahe", "steps=50"]`; or a configuration.
        output_dir: folder for the weights and, during training, the checkpoint; a new one in `outputs/` by default.
        console: where progress is printed; the terminal by default.
        tags: tags of the MLflow run, in addition to the usual ones.
        callbacks: Keras callbacks, called after those that training needs itself.

    Raises:
        UserError: a setting is wrong, the data or the tracking store cannot be used, or another run is being trained in
            `output_dir`.
    """
    config = config if isinstance(config, Config) else compose_config(config)
    output_dir = output_dir or new_output_dir()
    output_dir.mkdir(parents=True, exist_ok=True)
    refusal = f"{output_dir}: another run is being trained in this folder; each run needs its own folder."
    with lock_folder(output_dir, refusal):
        return _train(config, output_dir, console or Console(), tags=tags, callbacks=callbacks)


def new_output_dir() -> Path:
    """A folder in `outputs/` named after the time, as Hydra names them."""
    return Path("outputs", f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}")


def _train(
    config: Config,
    output_dir: Path,
    console: Console,
    standing: Checkpoint | None = None,
    tags: Mapping[str, str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Result:
    """Trains; from `standing` on, the checkpoint in `output_dir`, with the run that it is of, if it is given."""
    dataset = open_dataset(config.data)
    console.print(describe(dataset), highlight=False, soft_wrap=True)
    if standing:
        refuse_other_data(tracking.find_run(standing.run_id), dataset)
    start = None if standing else find_start(config)
    keras.utils.set_random_seed(config.seed)
    use_threads(config.threads)

    all_tags = {"output_dir": str(output_dir.absolute()), **(tags or {})}
    resumed = standing.run_id if standing else None
    with (
        tracking.start(asdict(config), config.study, _name(config), all_tags, output_dir, resumed) as run,
        _telling_how_to_go_on(run, config, output_dir, console),
    ):
        console.print(f"run {run.id}: `mlflow ui` shows it at {run.uri}", highlight=False, soft_wrap=True)
        for name, split in dataset.splits.items():
            log_split(run, name, dataset.name, dataset.root, split)
        network = MaskRCNN(config.backbone.name, 1 + len(CLASS_NAMES), model_config(config), config.seed)
        if start:
            _start_from(start, network, run, console)
        predictor = KerasPredictor(network, config.image_size, config.antialias)

        def score_part(name: str) -> None:
            for split in ("val", "test"):
                found = detect(predictor, dataset, split)
                at = score(dataset.splits[split].photos, found, config.min_confidence)
                _log_part(run, name, split, at, config.min_confidence)

        losses = fit(network, predictor, config, dataset, run, output_dir, console, standing, score_part, callbacks)

        predictor.save(output_dir / "last.h5")
        scores = {}
        for name in ("val", "test"):
            photos, found = dataset.splits[name].photos, detect(predictor, dataset, name)
            scores[name] = score(photos, found, config.min_confidence)
            log_scores(run, name, photos, found, scores[name], config.min_confidence, plain=name == "test")
        run.log_figure(figures.loss_curves(losses), "figures/losses.png")
        for name in ("last", "best"):
            run.log_file(output_dir / f"{name}.h5", "weights")
        run.log_model(output_dir / "last.h5")
        console.print(summary(scores))
    (output_dir / checkpoint.NAME).unlink(missing_ok=True)
    return Result(run.id, scores, run.metrics)


def resume(reference: str, console: Console | None = None) -> Result:
    """Goes on with a run that ended before its training did, to the weights that it would have had.

    Args:
        reference: the id of an MLflow run, or the folder of its output.

    Raises:
        UserError: there is no such run or checkpoint, it is being trained, or what it needs is not there any more.
    """
    folder = Path(reference)
    if not folder.is_dir():
        run = tracking.find_run(reference)
        folder = Path(run.tags.get("output_dir", ""))
        if run.status == "FINISHED":
            raise UserError(f"resume={reference}: the run has finished; there is nothing left to train.")
    file = folder / checkpoint.NAME
    if not file.exists():
        raise UserError(f"resume={reference}: there is no {file}; one is kept from the first epoch to the run's end.")
    with lock_folder(folder, f"resume={reference}: the run is being trained now, or what it left is being sent."):
        standing = checkpoint.read(file)
        return _train(_config_of(standing, file), folder, console or Console(), standing)


def _config_of(standing: Checkpoint, file: Path) -> Config:
    try:
        return validate(OmegaConf.merge(OmegaConf.structured(Config), rename_settings(standing.config)))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{file} is of another version of this program: {reason}.") from error


@contextmanager
def _telling_how_to_go_on(run: tracking.Run, config: Config, output_dir: Path, console: Console) -> Iterator[None]:
    """Says, when a run ends before its time, which command goes on with it; a pruned one has ended for good."""
    try:
        yield
    except Pruned:
        (output_dir / checkpoint.NAME).unlink(missing_ok=True)
        raise
    except Diverged:
        best = output_dir / "best.h5"
        if best.exists():
            said = (
                f"the same command with weights={best} lr={config.lr / 10:g} starts from the best weights that it had"
            )
            console.print(said, highlight=False, soft_wrap=True)
        raise
    except BaseException:
        file = output_dir / checkpoint.NAME
        if file.exists() and (standing := checkpoint.read(file)).run_id == run.id:
            said = f"fmask train resume={run.id} goes on after epoch {standing.epochs}"
            console.print(said, highlight=False, soft_wrap=True)
        raise


def use_threads(count: int) -> None:
    """Lets the network use `count` processor threads, 0 for all; only before it has computed anything."""
    if count and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)


def detect(predictor: KerasPredictor, dataset: Dataset, split: str) -> list[Detections]:
    """What the network finds in each photo of a split."""
    return list(predict_photos(predictor, [photo.path for photo in dataset.splits[split].photos], predictor.batch_size))


def _start_from(start: Start, network: MaskRCNN, run: tracking.Run, console: Console) -> None:
    """Gives the network the weights that training starts from, and logs which they are and which layers have them."""
    loaded = (load_imagenet if start.weights == "imagenet" else load_weights)(network, Path(start.path))
    console.print(f"weights={start.weights}: {loaded}", highlight=False, soft_wrap=True)
    run.log_json(asdict(loaded) | asdict(start), START)


def _log_part(run: tracking.Run, name: str, split: str, scores: dict[float, Scores], min_confidence: float) -> None:
    """Logs what a part of a schedule led to; what the last one did are the run's own scores."""
    run.log_scores(scores[min_confidence].headline(), prefix=f"{name}/{split}")
    run.log_json({f"{key:g}": value.to_json() for key, value in scores.items()}, f"scores/{name}/{split}.json")


def model_config(config: Config) -> ModelConfig:
    """The part of a run's configuration that decides the network."""
    return ModelConfig(**{key.name: getattr(config, key.name) for key in fields(ModelConfig)})


def _name(config: Config) -> str:
    aug = ",".join(part.aug.name for part in config.parts().values())
    return f"{config.data.name} {config.backbone.name} aug={aug} steps={config.steps} seed={config.seed}"
