"""What a run was, in a few words: its settings, its data, its code and what it cost."""

from dataclasses import dataclass

from omegaconf import OmegaConf

from fmask import tracking

SETTINGS = (
    "recipe", "backbone", "weights", "schedule", "aug", "layers", "epochs", "steps", "val_steps", "batch_size", "lr",
    "crop_size", "image_size", "precision", "seed",
)  # fmt: skip
"""Those that are told before all parameters."""


@dataclass(frozen=True)
class Facts:
    """Pairs of a word and what there is to say, by what they are about."""

    summary: str
    """All of it in a line."""
    settings: list[tuple[str, str]]
    origin: list[tuple[str, str]]
    cost: list[tuple[str, str]]


@dataclass(frozen=True)
class Part:
    """What one part of a schedule led to, on test."""

    name: str
    settings: str
    """As on the command line."""
    metrics: dict[str, float]


def facts_of(run: tracking.RunInfo) -> Facts:
    """Raises `UserError` where the store cannot be used."""
    cost = _cost(run)
    return Facts(
        summary=_summary(run, dict(cost)),
        settings=[(key, run.params[key]) for key in SETTINGS if key in run.params],
        origin=_origin(run),
        cost=cost,
    )


def parts_of(run: tracking.RunInfo) -> list[Part]:
    """The parts of a run's schedule that were scored, in their order; none where it had but one."""
    file = tracking.download(run, "config.yaml")
    names = list(OmegaConf.select(OmegaConf.load(file), "schedule.parts") or {}) if file else []
    parts = []
    for name in names:
        beginning, own = f"{name}/test/", f"schedule.parts.{name}."
        metrics = {
            key.removeprefix(beginning): value for key, value in run.metrics.items() if key.startswith(beginning)
        }
        settings = {key.removeprefix(own): value for key, value in run.params.items() if key.startswith(own)}
        told = " ".join(f"{key}={value}" for key, value in settings.items() if not key.endswith(".augmenters"))
        if metrics:
            parts.append(Part(name, told or "as above", metrics))
    return parts


def _summary(run: tracking.RunInfo, cost: dict[str, str]) -> str:
    words = [f"{key} {run.params[key]}" for key in ("recipe", "schedule") if key in run.params]
    if {"epochs", "steps", "batch_size"} <= run.params.keys():
        words.append("{epochs} epochs of {steps} steps of {batch_size} photos".format_map(run.params))
    words += [f"{cost[name]} of processor time" for name in ("processor time",) if name in cost]
    return ", ".join([*words, f"began {cost['began']}"])


def _origin(run: tracking.RunInfo) -> list[tuple[str, str]]:
    facts = [(f"{split} data", label) for split, label in run.datasets.items()]
    if commit := run.tags.get("mlflow.source.git.commit"):
        changed = " with changes" if run.tags.get("git_dirty") == "true" else ""
        facts.append(("commit", f"{commit[:12]}{changed}"))
    if command := run.tags.get("command"):
        facts.append(("command", command))
    return facts


def _cost(run: tracking.RunInfo) -> list[tuple[str, str]]:
    facts = [("began", f"{run.started:%d %B %Y, %H:%M}")]
    if ended := tracking.read_end(run):
        facts.append(("took", _minutes((ended - run.started).total_seconds())))
    if "cpu_seconds" in run.metrics:
        facts.append(("processor time", _minutes(run.metrics["cpu_seconds"])))
    if "images_per_second" in run.metrics:
        facts.append(("speed", f"{run.metrics['images_per_second']:.1f} images a second"))
    machine = [run.tags.get("platform"), f"{run.tags['cpus']} processors" if "cpus" in run.tags else None]
    backend = run.tags.get("backend")
    software = [f"Keras {run.tags['keras']}"] if "keras" in run.tags else []
    software += [f"{backend} {run.tags[backend]}"] if backend in run.tags and backend else []
    facts.append(("machine", ", ".join([each for each in machine if each] + software)))
    return [(name, value) for name, value in facts if value]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
