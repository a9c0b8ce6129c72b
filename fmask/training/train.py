"""Training runs: train a configuration and score the result, or resume an interrupted run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

import keras
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from fmask import tracking
from fmask.config.compose import compose_config
from fmask.config.recorded import current_settings
from fmask.config.schema import Config
from fmask.config.validate import validate
from fmask.data.config import check_installed
from fmask.data.dataset import Dataset
from fmask.data.groups import read_groups
from fmask.data.open import describe, describe_classes, open_dataset
from fmask.evaluation import figures
from fmask.evaluation.operating_report import Scored, choose_default
from fmask.evaluation.report import (
    Level,
    levels_of,
    log_deal,
    log_groups,
    log_split,
    score_levels,
    scores_by_confidence,
    scores_tables,
)
from fmask.evaluation.scores import Scores
from fmask.inference.batched import predict_encoded
from fmask.inference.keras_predictor import KerasPredictor
from fmask.inference.limits import crowded, filled
from fmask.model.mask_rcnn import MaskRCNN
from fmask.structures.detections import EncodedDetections
from fmask.structures.hierarchy import leaf_ids
from fmask.training.checkpoint import CHECKPOINT_NAME, Checkpoint, read_checkpoint
from fmask.training.export_run import export_run
from fmask.training.first_samples import training_samples
from fmask.training.fit import decode_photos, fit
from fmask.training.initial_weights import find_initial_weights, load_initial_weights, refuse_other_fold
from fmask.training.kept_weights import delete_weights, log_weights
from fmask.training.naming import run_name, typed_overrides
from fmask.training.provenance_diff import refuse_other_data
from fmask.training.teachers import TEACHERS_ARTIFACT, find_teachers, load_teachers, recorded_teachers
from fmask.utils.backend import devices, use_threads
from fmask.utils.background import in_background
from fmask.utils.errors import Diverged, Pruned, UserError
from fmask.utils.locks import lock_folder


@dataclass(frozen=True)
class Result:
    """The result of a run."""

    run_id: str
    """Id of the MLflow run."""
    scores: dict[str, dict[float, Scores]]
    """Split (val, test) to scores by the lowest confidence of the detections that count. With a hierarchy of classes,
    scores at the parents are under `val_parents` and `test_parents`."""
    metrics: dict[str, float]
    """MLflow metric name to last logged value; for a resumed run, only the metrics logged since it was resumed."""


def train(
    config: Config | Sequence[str] = (),
    output_dir: Path | None = None,
    console: Console | None = None,
    tags: Mapping[str, str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Result:
    """Train a Mask R-CNN, score it on the validation and test photos, and log everything to MLflow.

    Args:
        config: overrides as on the command line, such as `["aug=fliplr_clahe", "steps=50"]`, or a configuration.
        output_dir: folder for the weights and, during training, the checkpoint; a new one in `outputs/` by default.
        console: where progress is printed; the terminal by default.
        tags: tags of the MLflow run, in addition to the usual ones.
        callbacks: Keras callbacks, called after those that training itself needs.

    Raises:
        UserError: a setting is wrong, the data or the tracking store cannot be used, training diverges, or another run
            is being trained in `output_dir`.
    """
    overrides = typed_overrides() if isinstance(config, Config) else tuple(config)
    config = config if isinstance(config, Config) else compose_config(config)
    check_installed(config.data)
    output_dir = output_dir or new_output_dir()
    output_dir.mkdir(parents=True, exist_ok=True)
    refusal = f"{output_dir}: another run is being trained in this folder; each run needs its own folder."
    with lock_folder(output_dir, refusal):
        name = run_name(config, overrides)
        return _train(config, output_dir, console or Console(), name, tags=tags, callbacks=callbacks)


def _print_notes(console: Console, *notes: str | None) -> None:
    for note in filter(None, notes):
        console.print(note, highlight=False, soft_wrap=True, markup=False)


def new_output_dir() -> Path:
    """Return the path of a new folder in `outputs/`, named after the time as by Hydra."""
    return Path("outputs", f"{datetime.now():%Y-%m-%d/%H-%M-%S-%f}")


def _train(
    config: Config,
    output_dir: Path,
    console: Console,
    name: str,
    checkpoint: Checkpoint | None = None,
    tags: Mapping[str, str] | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Result:
    """Train and score a run, or resume the run of `checkpoint`, which is the checkpoint in `output_dir`.

    A resumed run keeps its name.
    """
    dataset = open_dataset(config.data, config.fold)
    hierarchy = {parent: list(leaves) for parent, leaves in dataset.hierarchy.items()} or None
    config = replace(config, data=replace(config.data, classes=list(dataset.classes), hierarchy=hierarchy))
    _print_notes(console, describe(dataset), *describe_classes(dataset))
    _print_notes(console, *(crowded(split, config.detection.count) for split in dataset.splits.values()))
    if checkpoint:
        interrupted = tracking.find_run(checkpoint.run_id)
        refuse_other_data(interrupted, dataset)
        name = interrupted.name
    initial_weights = None if checkpoint else find_initial_weights(config)
    if initial_weights:
        refuse_other_fold(initial_weights, config, dataset)
    teachers = recorded_teachers(interrupted) if checkpoint else find_teachers(config, dataset)
    samples = in_background(lambda: decode_photos(config, dataset))  # while MLflow and the network are set up
    keras.utils.set_random_seed(config.random_seed())
    use_threads(config.threads)

    device = devices()
    console.print(
        f"recipe={config.recipe.name} backbone={config.backbone.name} precision={config.precision} on {device}",
        highlight=False,
        soft_wrap=True,
    )
    all_tags = {"output_dir": str(output_dir.absolute()), "device": device, **(tags or {})}
    resumed = checkpoint.run_id if checkpoint else None
    with (
        tracking.start_run(asdict(config), config.study, name, all_tags, output_dir, resumed) as run,
        _resume_hint(run, config, output_dir, console),
    ):
        console.print(f"run {run.id}: start `mlflow ui` and open {run.uri}", highlight=False, soft_wrap=True)
        for split_name, split in (dataset.splits | dataset.at_parents()).items():
            log_split(run, split_name, dataset.name, dataset.root, split)
        if dataset.whole_train:
            log_split(run, "train_whole", dataset.name, dataset.root, dataset.whole_train)
        if dataset.deal:
            log_deal(run, dataset.name, dataset.root, dataset.deal)
        if "test" in dataset.splits:
            log_groups(run, dataset.splits["test"].photos, read_groups(config.data.groups, dataset.root))
        if not checkpoint:
            run.log_figure(training_samples(config, dataset.splits["train"]), "figures/training_samples.png")
        network = MaskRCNN(
            config.backbone.name,
            1 + len(dataset.classes),
            config.network_settings(),
            config.random_seed(),
            groups=leaf_ids(dataset.classes, dataset.hierarchy),
        )
        if initial_weights:
            load_initial_weights(initial_weights, network, dataset.classes, run, console)
        if teachers:
            network.teachers = load_teachers(teachers, config.distill.weight)
            run.log_json([asdict(each) for each in teachers], TEACHERS_ARTIFACT)
        predictor = KerasPredictor(network, config.image_size, config.antialias, dataset.classes, dataset.hierarchy)
        predictor.run = run.id

        def score_part(name: str) -> None:
            for split in scored_splits(dataset):
                for level in levels_of(split, dataset.splits[split], detect(predictor, dataset, split), predictor.nms):
                    scores = scores_by_confidence(level.photos, level.detections, config.min_confidence)
                    _log_part(run, name, level, scores, config.min_confidence)

        losses = fit(
            network, predictor, config, dataset, run, output_dir, console, checkpoint, score_part, callbacks, samples
        )

        scores: dict[str, dict[float, Scores]] = {}
        scored: dict[str, Scored] = {}
        for name in scored_splits(dataset):
            detections = detect(predictor, dataset, name)
            note = filled([len(found) for found in detections], predictor)
            _print_notes(console, note and f"{name}: {note}")
            at = 0 if name == "test" else sum(part.epochs for part in config.parts().values())
            levels = levels_of(name, dataset.splits[name], detections, predictor.nms)
            scores |= score_levels(run, levels, config.min_confidence, name == "test", at)
            scored[name] = Scored.of(dataset.splits[name], detections, scores[name])
        predictor.operating_point, tables = choose_default(run, scored)
        predictor.save(output_dir / "last.h5")
        run.log_figure(figures.loss_curves(losses), "figures/losses.png")
        if config.onnx and config.keep_weights != "none":
            note = export_run(predictor, output_dir / "last.h5", dataset.splits["val"].photos, run)
            _print_notes(console, note)
        log_weights(run, output_dir, config.keep_weights)
        console.print(*scores_tables(scores), *tables)
    (output_dir / CHECKPOINT_NAME).unlink(missing_ok=True)
    last = output_dir / "last.h5"
    _print_notes(
        console,
        (f"The weights are in {last}, the" if last.exists() else "The") + " figures are artifacts of the run. Next:",
        f"  fmask report {run.id[:8]}               # one page: scores, photos, curves",
        f"  fmask splash {run.id[:8]} photo.jpg     # find the objects in a photo" if last.exists() else None,
    )
    return Result(run.id, scores, run.metrics)


def scored_splits(dataset: Dataset) -> list[str]:
    """Return the splits that a run is scored on: val, and test if the data set has it."""
    return [name for name in ("val", "test") if name in dataset.splits]


def resume(reference: str, console: Console | None = None) -> Result:
    """Resume an interrupted run from its checkpoint. It ends with the same weights as without the interruption.

    Args:
        reference: the id of an MLflow run, or the path of its output folder.
        console: where progress is printed; the terminal by default.

    Raises:
        UserError: the run or its checkpoint does not exist, the run has finished or is being trained, its data have
            changed, or a setting, the data or the tracking store cannot be used.
    """
    folder = Path(reference)
    if not folder.is_dir():
        run = tracking.find_run(reference)
        folder = Path(run.tags.get("output_dir", ""))
        if run.status == "FINISHED":
            raise UserError(f"resume={reference}: the run has finished; only interrupted runs can be resumed.")
    file = folder / CHECKPOINT_NAME
    if not file.exists():
        raise UserError(f"resume={reference}: there is no {file}; a run has one from its first epoch to its end.")
    with lock_folder(folder, f"resume={reference}: another process is training the run or sending its records."):
        checkpoint = read_checkpoint(file)
        return _train(_config_of(checkpoint, file), folder, console or Console(), "", checkpoint)


def _config_of(checkpoint: Checkpoint, file: Path) -> Config:
    try:
        return validate(OmegaConf.merge(OmegaConf.structured(Config), current_settings(checkpoint.config)))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{file} was written by another version of fmask: {reason}.") from error


@contextmanager
def _resume_hint(run: tracking.Run, config: Config, output_dir: Path, console: Console) -> Iterator[None]:
    """Print the command that resumes the run if it is interrupted. The checkpoint of a pruned run is deleted.

    A run that diverged would diverge again from its checkpoint; print how to start from its best weights instead.
    """
    try:
        yield
    except Pruned:
        (output_dir / CHECKPOINT_NAME).unlink(missing_ok=True)
        delete_weights(output_dir, config.keep_weights)
        raise
    except Diverged:
        best = output_dir / "best.h5"
        if best.exists():
            hint = f"To start from this run's best weights, add weights={best} lr={config.lr / 10:g} to the command."
            console.print(hint, highlight=False, soft_wrap=True)
        raise
    except BaseException:
        file = output_dir / CHECKPOINT_NAME
        if file.exists() and (checkpoint := read_checkpoint(file)).run_id == run.id:
            hint = f"To resume after epoch {checkpoint.epochs}: fmask train resume={run.id}"
            console.print(hint, highlight=False, soft_wrap=True)
        raise


def detect(predictor: KerasPredictor, dataset: Dataset, split: str) -> list[EncodedDetections]:
    """Return the detections in each photo of a split."""
    photos = [photo.path for photo in dataset.splits[split].photos]
    return list(predict_encoded(predictor, photos, predictor.batch_size))


def _log_part(run: tracking.Run, name: str, level: Level, scores: dict[float, Scores], min_confidence: float) -> None:
    """Log the scores after a part of the schedule. Those after the last part are logged as the scores of the run."""
    metrics = tracking.pick_scores(level.place, scores[min_confidence].metrics())
    run.log_scores(metrics, prefix=f"{name}/{level.place}")
    run.log_json({f"{key:g}": value.to_json() for key, value in scores.items()}, f"scores/{name}/{level.name}.json")
