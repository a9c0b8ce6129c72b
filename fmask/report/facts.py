"""Facts about a run: its settings, data, code and cost."""

from dataclasses import dataclass

from omegaconf import OmegaConf

from fmask import tracking

SETTINGS = (
    "recipe", "backbone", "weights", "schedule", "aug", "layers", "epochs", "steps", "val_steps", "batch_size", "lr",
    "crop_size", "image_size", "precision", "seed",
)  # fmt: skip
"""The settings shown at the top of the page; the list of all parameters follows below."""
TEACHERS = ("distill.teachers", "distill.weight")
"""Settings that are shown beside them for a run that has teachers."""


@dataclass(frozen=True)
class Facts:
    """Names and values of facts about a run, by topic."""

    summary: str
    """The most important facts in one line."""
    settings: list[tuple[str, str]]
    """The settings of `SETTINGS`, and of `TEACHERS` if there are some."""
    origin: list[tuple[str, str]]
    """Data, commit and command."""
    cost: list[tuple[str, str]]
    """Start, durations, speed and machine."""


@dataclass(frozen=True)
class Part:
    """The test scores after one part of a schedule."""

    name: str
    settings: str
    """The settings of the part, as on the command line."""
    metrics: dict[str, float]
    """The scores of the test photos."""


def run_facts(run: tracking.RunInfo) -> Facts:
    """Collect the facts about a run.

    Raises:
        UserError: the MLflow store cannot be used.
    """
    cost = _cost(run)
    shown = SETTINGS + TEACHERS * (run.params.get(TEACHERS[0], "[]") != "[]")
    return Facts(
        summary=_summary(run, dict(cost)),
        settings=[(key, run.params[key]) for key in shown if key in run.params],
        origin=_origin(run),
        cost=cost,
    )


def run_parts(run: tracking.RunInfo) -> list[Part]:
    """Return the scored parts of a run's schedule, in their order; empty if the schedule has a single part."""
    file = tracking.download(run, "config.yaml")
    names = list(OmegaConf.select(OmegaConf.load(file), "schedule.parts") or {}) if file else []
    parts = []
    for name in names:
        scores, own = f"{name}/test/", f"schedule.parts.{name}."
        metrics = {key.removeprefix(scores): value for key, value in run.metrics.items() if key.startswith(scores)}
        params = {key.removeprefix(own): value for key, value in run.params.items() if key.startswith(own)}
        settings = " ".join(f"{key}={value}" for key, value in params.items() if not key.endswith(".augmenters"))
        if metrics:
            parts.append(Part(name, settings or "with the settings of the run", metrics))
    return parts


def _summary(run: tracking.RunInfo, cost: dict[str, str]) -> str:
    words = [f"{key} {run.params[key]}" for key in ("recipe", "schedule") if key in run.params]
    if {"epochs", "steps", "batch_size"} <= run.params.keys():
        words.append("{epochs} epochs of {steps} steps with {batch_size} photos".format_map(run.params))
    words += [f"{cost[name]} of CPU time" for name in ("CPU time",) if name in cost]
    return ", ".join([*words, f"started on {cost['started']}"])


def _origin(run: tracking.RunInfo) -> list[tuple[str, str]]:
    facts = [(f"{split} data", label) for split, label in run.datasets.items()]
    if commit := run.tags.get("mlflow.source.git.commit"):
        changed = " with uncommitted changes" if run.tags.get("git_dirty") == "true" else ""
        facts.append(("commit", f"{commit[:12]}{changed}"))
    if command := run.tags.get("command"):
        facts.append(("command", command))
    return facts


def _cost(run: tracking.RunInfo) -> list[tuple[str, str]]:
    facts = [("started", f"{run.started:%d %B %Y, %H:%M}")]
    if ended := tracking.read_end_time(run):
        facts.append(("duration", _minutes((ended - run.started).total_seconds())))
    if "train/cpu_seconds" in run.metrics:
        facts.append(("CPU time", _minutes(run.metrics["train/cpu_seconds"])))
    if "train/images_per_second" in run.metrics:
        facts.append(("speed", f"{run.metrics['train/images_per_second']:.1f} images per second"))
    machine = [
        run.tags.get("host"),
        run.tags.get("platform"),
        f"{run.tags['cpus']} CPU cores" if "cpus" in run.tags else None,
    ]
    backend = run.tags.get("backend")
    software = [f"Keras {run.tags['keras']}"] if "keras" in run.tags else []
    software += [f"{backend} {run.tags[backend]}"] if backend in run.tags and backend else []
    facts.append(("machine", ", ".join([each for each in machine if each] + software)))
    return [(name, value) for name, value in facts if value]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
