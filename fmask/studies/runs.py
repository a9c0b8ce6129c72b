"""The runs of a study, read from MLflow or from a CSV file.

The CSV file has one line for each annotated object of each run (one line for a run without scores), a form that any
statistics program reads. Its columns are `study, run, name, started, status, param.<key> ..., data.<split> ...,
val_mask_ap50, cpu_seconds, spurious_at_<confidence> ..., photo, region, outcome_at_<confidence> ...`. Nothing in it
depends on the machine.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any

from fmask import tracking
from fmask.evaluation.outcomes import Outcome
from fmask.utils.errors import UserError
from fmask.utils.files import write_text
from fmask.utils.renamed_settings import rename_params

CONFIDENCES = (0.5, 0.9)
"""The confidences at which every run is scored on the test photos."""
NOT_SETTINGS = {"study", "threads", "data.root", "data.attribute", "data.map", "data.empty_photos"}
"""Params that do not affect training: the MLflow experiment, the number of processors, the folder of the photos, and
how their annotations are read: the digest of the data depends on what is read."""
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")
UNSET = ("", "null")
"""Values of params that are not set."""


@dataclass(frozen=True)
class Scored:
    """The scores of a run on the test photos at one confidence; detections with a lower score do not count."""

    outcomes: dict[tuple[str, int], Outcome]
    """The outcome of each annotated object, by its photo and region."""
    spurious: int
    """Number of detections that match no object."""


@dataclass(frozen=True)
class StudyRun:
    """The data of one run that a study uses."""

    id: str
    name: str
    started: datetime
    status: str
    """RUNNING, FINISHED, FAILED, KILLED or SCHEDULED."""
    params: dict[str, str]
    data: dict[str, str]
    """The data set of each split (train, val, test), as `name@digest`."""
    val_mask_ap50: float | None
    cpu_seconds: float | None
    scores: dict[float, Scored]
    """Scores by confidence; empty for a run that did not finish or was not scored."""
    missing_artifacts: str = field(default="", compare=False)
    """The folder in which MLflow recorded the artifacts if they are not in it, so that the scores are unknown."""

    @property
    def counts(self) -> bool:
        """Whether the run is part of the table."""
        return self.status == "FINISHED" and bool(self.scores)


@dataclass(frozen=True)
class Study:
    """All runs of one study, oldest first."""

    name: str
    runs: tuple[StudyRun, ...]


def collect(name: str) -> Study:
    """Read the runs of an MLflow experiment.

    Sweeps themselves and runs of `fmask reproduce` are left out.

    Args:
        name: the experiment's name, the setting `study` of its runs.

    Raises:
        UserError: there is no such experiment, it has no runs, or the MLflow store cannot be used.
    """
    found = tracking.find_runs(name)
    parents = {run.tags.get("mlflow.parentRunId") for run in found}  # sweeps, which train nothing themselves
    # A reproduced run repeats a seed, so it is not another observation.
    found = [run for run in found if run.id not in parents and "reproduces" not in run.tags]
    if not found:
        raise UserError(f"The study {name!r} has no runs yet; `fmask train study={name}` adds one.")
    return Study(name, tuple(sorted(map(_from_mlflow, found), key=lambda run: (run.started, run.id))))


def write_runs(study: Study, file: Path) -> None:
    """Write a study to a CSV file from which `read_runs` reads an equal study.

    Raises:
        UserError: the file cannot be written.
    """
    params = sorted({key for run in study.runs for key in run.params})
    splits = sorted({split for run in study.runs for split in run.data})
    header = ["study", "run", "name", "started", "status"]
    header += [*(f"param.{key}" for key in params), *(f"data.{split}" for split in splits)]
    header += ["val_mask_ap50", "cpu_seconds", *_columns("spurious"), "photo", "region", *_columns("outcome")]
    text = io.StringIO()
    lines = csv.DictWriter(text, header, restval="", lineterminator="\n")
    lines.writeheader()
    for run in study.runs:
        lines.writerows({"study": study.name, **line} for line in _lines(run))
    write_text(text.getvalue(), file)


def read_runs(file: Path) -> Study:
    """Read a study from a CSV file of `write_runs`.

    Raises:
        UserError: the file cannot be read, or a line is not valid.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            lines = list(csv.DictReader(opened))
    except OSError as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error}.") from error
    required = ["study", "run", "name", "started", "status", "photo", "region", *_columns("spurious", "outcome")]
    if missing := [column for column in required if not lines or column not in lines[0]]:
        raise UserError(f"{file} is not a file of a study's runs: it has no lines with {', '.join(missing)}.")
    runs = []
    for _, group in groupby(enumerate(lines, start=2), key=lambda numbered: numbered[1]["run"]):
        numbers, of_run = zip(*group, strict=True)
        try:
            runs.append(_from_lines(of_run))
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}, lines {numbers[0]} to {numbers[-1]}: {error}.") from error
    return Study(lines[0]["study"], tuple(runs))


def merge(parts: Sequence[Study]) -> Study:
    """Merge studies, such as those of several machines.

    Returns:
        A study with the name of the first part and the runs of all parts; a run that occurs twice is kept once, with
        its scores if one of the parts has them.
    """
    each = sorted((run for part in parts for run in part.runs), key=lambda run: not run.missing_artifacts)
    runs = {run.id: run for run in each}
    return Study(parts[0].name, tuple(sorted(runs.values(), key=lambda run: (run.started, run.id))))


def _from_mlflow(run: tracking.RunInfo) -> StudyRun:
    scores, missing = {}, ""
    try:
        for confidence in CONFIDENCES if run.status == "FINISHED" else ():
            logged = tracking.read_json(run, f"scores/test_at_{confidence:g}.json")
            if logged is not None:
                scores[confidence] = _scored(logged)
    except tracking.MissingArtifactsError as error:
        missing = error.place
    return StudyRun(
        id=run.id,
        name=run.name,
        started=run.started,
        status=run.status,
        params={key: value for key, value in run.params.items() if value not in UNSET and key not in NOT_SETTINGS},
        data=run.datasets,
        val_mask_ap50=run.metrics.get("val/mask_ap50"),
        cpu_seconds=run.metrics.get("cpu_seconds"),
        scores=scores,
        missing_artifacts=missing,
    )


def _scored(logged: dict[str, Any]) -> Scored:
    outcomes = {(each["photo"], each["region"]): Outcome(each["outcome"]) for each in logged["objects"]}
    return Scored(outcomes, len(logged["spurious"]))


def _lines(run: StudyRun) -> Iterator[dict[str, Any]]:
    common = {"run": run.id, "name": run.name, "started": run.started.isoformat(), "status": run.status}
    common |= {f"param.{key}": value for key, value in run.params.items()}
    common |= {f"data.{split}": label for split, label in run.data.items()}
    numbers = {"val_mask_ap50": run.val_mask_ap50, "cpu_seconds": run.cpu_seconds}
    numbers |= {f"spurious_at_{confidence:g}": scored.spurious for confidence, scored in run.scores.items()}
    common |= {key: repr(value) for key, value in numbers.items() if value is not None}
    objects = sorted({key for scored in run.scores.values() for key in scored.outcomes})
    for photo, region in objects:
        outcomes = {f"outcome_at_{c:g}": scored.outcomes.get((photo, region), "") for c, scored in run.scores.items()}
        yield {**common, "photo": photo, "region": region, **outcomes}
    if not objects:
        yield common


def _from_lines(lines: tuple[dict[str, str], ...]) -> StudyRun:
    first = lines[0]
    if any(None in line or None in line.values() for line in lines):
        raise ValueError(f"run {first['run']} has a line with a different number of fields than the header")
    if first["status"] not in STATUSES:
        raise ValueError(
            f"run {first['run']} has the status {first['status']!r}; it must be one of {', '.join(STATUSES)}"
        )
    scores = {}
    for confidence in CONFIDENCES:
        column = f"outcome_at_{confidence:g}"
        scored = [line for line in lines if line[column]]
        outcomes = {(line["photo"], int(line["region"])): Outcome(line[column]) for line in scored}
        if len(outcomes) < len(scored):
            raise ValueError(f"run {first['run']} has two lines for the same object; it must have one")
        if scored:
            scores[confidence] = Scored(outcomes, int(first[f"spurious_at_{confidence:g}"]))
            if scores[confidence].spurious < 0:
                raise ValueError(f"run {first['run']} has a negative spurious_at_{confidence:g}; it must be at least 0")
    return StudyRun(
        id=first["run"],
        name=first["name"],
        started=datetime.fromisoformat(first["started"]).replace(tzinfo=None),  # naive, like the times from MLflow
        status=first["status"],
        params=rename_params(_with_prefix(first, "param.")),
        data=_with_prefix(first, "data."),
        val_mask_ap50=_number(first, "val_mask_ap50"),
        cpu_seconds=_number(first, "cpu_seconds"),
        scores=scores,
    )


def _with_prefix(line: dict[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in line.items() if key.startswith(prefix) and value}


def _number(line: dict[str, str], column: str) -> float | None:
    text = line.get(column)
    if text and not isfinite(float(text)):
        raise ValueError(f"{column} must be a finite number, not {text!r}")
    return float(text) if text else None


def _columns(*kinds: str) -> list[str]:
    return [f"{kind}_at_{confidence:g}" for kind in kinds for confidence in CONFIDENCES]
