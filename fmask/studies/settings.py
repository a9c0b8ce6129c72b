"""Settings of a study's runs: which runs have the same ones, and which ones differ between rows of the table."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from fmask.studies.runs import StudyRun

FACTORS = ("recipe", "backbone", "weights", "schedule", "aug", "steps", "val_steps", "epochs", "batch_size", "lr")
"""The settings that studies usually vary: they are the first columns, and shown even if the recipe determines them."""
NOT_COMPARED = {"seed", "fold", "min_confidence", "onnx"}
"""Params in which the runs of a row may differ. A table counts all runs at its own confidence, and the export to ONNX
does not affect scores."""


def by_setting(runs: Sequence[StudyRun]) -> tuple[list[list[StudyRun]], int]:
    """Group runs by their settings, with the newest run of each seed and fold.

    A repeated seed gives the same scores on the same fold again, so it is not another observation.

    Returns:
        The groups, and the number of runs that are left out.
    """
    newest: dict[tuple[frozenset[tuple[str, str]], str | None, int | None], StudyRun] = {}
    starts: dict[frozenset[tuple[str, str]], datetime] = {}
    for run in sorted(runs, key=lambda run: run.started):
        setting = frozenset((key, value) for key, value in run.params.items() if key not in NOT_COMPARED)
        starts.setdefault(setting, run.started)
        newest[setting, run.params.get("seed"), run.fold] = run
    groups = [[run for (key, *_), run in newest.items() if key == setting] for setting in starts]
    return groups, len(runs) - len(newest)


def differing(settings: Sequence[dict[str, str]]) -> tuple[list[str], tuple[str, ...]]:
    """Return the params that differ between settings.

    Params of augmenters are left out if the name of their `aug` determines them.

    Returns:
        The params to show, and those that the recipe or the schedule determines.
    """

    def values(key: str) -> list[str | None]:
        return [each.get(key) for each in settings]

    def is_determined_by(other: str, key: str) -> bool:
        return len(set(zip(values(other), values(key), strict=True))) == len(set(values(other)))

    def is_implied(key: str) -> bool:
        always_shown = key in FACTORS or key.endswith(".aug")
        return not always_shown and any(
            other in keys and is_determined_by(other, key) for other in ("recipe", "schedule")
        )

    every = {key for each in settings for key in each} - NOT_COMPARED
    keys = [key for key in sorted(every, key=_importance) if len(set(values(key))) > 1]
    keys = [key for key in keys if not (key.endswith(".augmenters") and is_determined_by(key.rpartition(".")[0], key))]
    implied = tuple(filter(is_implied, keys))
    return [key for key in keys if key not in implied], implied


def _importance(key: str) -> tuple[int, str]:
    return (FACTORS.index(key) if key in FACTORS else len(FACTORS), key)


def shortest_names(keys: Sequence[str]) -> tuple[str, ...]:
    """Return the shortest suffix of each dotted key that no other key has."""

    def ends(key: str) -> list[str]:
        parts = key.split(".")
        return [".".join(parts[first:]) for first in range(len(parts) - 1, -1, -1)]

    taken = Counter(end for key in keys for end in ends(key))
    return tuple(next((end for end in ends(key) if taken[end] == 1), key) for key in keys)


def label_of(run: StudyRun, runs: Sequence[StudyRun]) -> str:
    """Return the settings of a run that differ between runs as `name=value` pairs, separated by blanks."""
    keys, _ = differing([each.params for each in runs])
    pairs = zip(shortest_names(keys), (run.params.get(key) for key in keys), strict=True)
    return " ".join(f"{name}={value}" for name, value in pairs if value is not None)
