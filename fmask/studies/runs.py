"""The runs of a study, from MLflow or from a CSV file: what their table is made from.

The file has a line for each run and annotated object (one for a run without scores), so that any statistics program
reads it: `run, name, started, status, param.<key> ..., data.<split> ..., val_mask_ap50, cpu_seconds,
spurious_at_<confidence> ..., photo, region, outcome_at_<confidence> ...`. Nothing in it depends on the machine.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
"""Those that every run is scored at."""
NOT_SETTINGS = {"study", "threads", "data.root"}
"""Params that change nothing that is learned: where a run was filed, how many processors it had, where photos lay."""
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")
UNSET = ("", "null")


@dataclass(frozen=True)
class Scored:
    """What a run made of the test photos, counting detections from one confidence on."""

    outcomes: dict[tuple[str, int], Outcome]
    """By the object's photo and region."""
    spurious: int
    """Detections that claim no object."""


@dataclass(frozen=True)
class StudyRun:
    """One run, as far as a study needs it."""

    id: str
    name: str
    started: datetime
    status: str
    """RUNNING, FINISHED, FAILED or KILLED."""
    params: dict[str, str]
    data: dict[str, str]
    """Split (train, val, test) to `name@digest`."""
    val_mask_ap50: float | None
    cpu_seconds: float | None
    scores: dict[float, Scored]
    """By confidence; empty where the run did not finish, or scored nothing."""

    @property
    def counts(self) -> bool:
        """Whether it takes part in the table."""
        return self.status == "FINISHED" and bool(self.scores)


@dataclass(frozen=True)
class Study:
    """All runs of one study, the oldest first."""

    name: str
    runs: tuple[StudyRun, ...]


def collect(name: str) -> Study:
    """The runs of the MLflow experiment called `name`.

    Raises:
        UserError: there is no such experiment, it has no runs, or the store cannot be used.
    """
    found = tracking.find_runs(name)
    parents = {run.tags.get("mlflow.parentRunId") for run in found}  # sweeps, which train nothing themselves
    # What `fmask reproduce` made again is no further seed.
    found = [run for run in found if run.id not in parents and "reproduces" not in run.tags]
    if not found:
        raise UserError(f"The study {name!r} has no runs yet: `python train.py study={name}` makes one.")
    return Study(name, tuple(sorted(map(_from_mlflow, found), key=lambda run: (run.started, run.id))))


def write_runs(study: Study, file: Path) -> None:
    """Write all that `read_runs` needs to give the same study."""
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
    """The study that `write_runs` wrote.

    Raises:
        UserError: the file cannot be read, or a line says what no run can have.
    """
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            lines = list(csv.DictReader(opened))
    except OSError as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error}.") from error
    needed = ["study", "run", "name", "started", "status", "photo", "region", *_columns("spurious", "outcome")]
    if missing := [column for column in needed if not lines or column not in lines[0]]:
        raise UserError(f"{file} is no file of a study's runs: it has no lines with {', '.join(missing)}.")
    runs = []
    for _, group in groupby(enumerate(lines, start=2), key=lambda numbered: numbered[1]["run"]):
        numbers, of_run = zip(*group, strict=True)
        try:
            runs.append(_from_lines(of_run))
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}, lines {numbers[0]} to {numbers[-1]}: {error}.") from error
    return Study(lines[0]["study"], tuple(runs))


def merge(parts: Sequence[Study]) -> Study:
    """Runs made in several places as one study, which has the name of the first; a run that comes twice counts once."""
    runs = {run.id: run for part in parts for run in part.runs}
    return Study(parts[0].name, tuple(sorted(runs.values(), key=lambda run: (run.started, run.id))))


def _from_mlflow(run: tracking.RunInfo) -> StudyRun:
    scores = {}
    for confidence in CONFIDENCES if run.status == "FINISHED" else ():
        logged = tracking.read_json(run, f"scores/test_at_{confidence:g}.json")
        if logged is not None:
            scores[confidence] = _scored(logged)
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
    )


def _scored(logged: dict[str, Any]) -> Scored:
    outcomes = {(each["photo"], each["region"]): Outcome(each["outcome"]) for each in logged["objects"]}
    return Scored(outcomes, len(logged["spurious"]))


def _lines(run: StudyRun) -> Iterator[dict[str, Any]]:
    whole = {"run": run.id, "name": run.name, "started": run.started.isoformat(), "status": run.status}
    whole |= {f"param.{key}": value for key, value in run.params.items()}
    whole |= {f"data.{split}": label for split, label in run.data.items()}
    numbers = {"val_mask_ap50": run.val_mask_ap50, "cpu_seconds": run.cpu_seconds}
    numbers |= {f"spurious_at_{confidence:g}": scored.spurious for confidence, scored in run.scores.items()}
    whole |= {key: repr(value) for key, value in numbers.items() if value is not None}
    objects = sorted({key for scored in run.scores.values() for key in scored.outcomes})
    for photo, region in objects:
        outcomes = {f"outcome_at_{c:g}": scored.outcomes.get((photo, region), "") for c, scored in run.scores.items()}
        yield {**whole, "photo": photo, "region": region, **outcomes}
    if not objects:
        yield whole


def _from_lines(lines: tuple[dict[str, str], ...]) -> StudyRun:
    first = lines[0]
    if any(None in line or None in line.values() for line in lines):
        raise ValueError(f"run {first['run']} has a line with more or fewer fields than the header")
    if first["status"] not in STATUSES:
        raise ValueError(f"run {first['run']} has the status {first['status']!r}; known are {', '.join(STATUSES)}")
    scores = {}
    for confidence in CONFIDENCES:
        told = [line for line in lines if line[f"outcome_at_{confidence:g}"]]
        outcomes = {(line["photo"], int(line["region"])): Outcome(line[f"outcome_at_{confidence:g}"]) for line in told}
        if len(outcomes) < len(told):
            raise ValueError(f"run {first['run']} has two lines for the same object")
        if told:
            scores[confidence] = Scored(outcomes, int(first[f"spurious_at_{confidence:g}"]))
            if scores[confidence].spurious < 0:
                raise ValueError(f"run {first['run']} has spurious_at_{confidence:g} below 0")
    return StudyRun(
        id=first["run"],
        name=first["name"],
        started=datetime.fromisoformat(first["started"]).replace(tzinfo=None),  # MLflow's have none either
        status=first["status"],
        params=rename_params(_beginning(first, "param.")),
        data=_beginning(first, "data."),
        val_mask_ap50=_number(first.get("val_mask_ap50")),
        cpu_seconds=_number(first.get("cpu_seconds")),
        scores=scores,
    )


def _beginning(line: dict[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in line.items() if key.startswith(prefix) and value}


def _number(text: str | None) -> float | None:
    if text and not isfinite(float(text)):
        raise ValueError(f"{text!r} stands where a number belongs")
    return float(text) if text else None


def _columns(*kinds: str) -> list[str]:
    return [f"{kind}_at_{confidence:g}" for kind in kinds for confidence in CONFIDENCES]
