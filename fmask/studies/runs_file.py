"""The runs of a study as a CSV file.

The file has one line for each annotated object of each run (one line for a run without scores), a form that any
statistics program reads. Its columns are `study, run, name, started, status, param.<key> ..., data.<split> ...,
made_with.<name> ..., val_mask_ap50, cpu_seconds, train_photos, spurious_at_<confidence> ..., photo, group, region,
outcome_at_<confidence> ..., detections_at_<confidence> ..., matches, plans`. `spurious` is of the whole run,
`detections` of the line's photo. A photo with detections and without objects has a line without region and outcome.
`matches` is JSON on the first line of a photo: for each class, the number of objects, and each detection's score and
its matches at ten IoU. Average precision is computed from it (`fmask.evaluation.matches`). `plans` is JSON on the first
line of the file: what was frozen with `fmask plan`. Nothing in the file depends on the machine that writes it.

A file whose name ends in `.gz` is compressed: the settings are on every line, so it is some fifty times smaller.
"""

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from math import isfinite
from pathlib import Path
from typing import Any

from fmask.evaluation.matches import PhotoMatches, from_json, to_json
from fmask.evaluation.outcomes import Outcome
from fmask.studies.plans.frozen import FrozenPlan
from fmask.studies.runs import CONFIDENCES, Scored, Study, StudyRun
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write, write_text
from fmask.utils.renamed_settings import rename_params

STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")


def write_runs(study: Study, file: Path) -> None:
    """Write a study to a CSV file from which `read_runs` reads an equal study.

    Raises:
        UserError: the file cannot be written.
    """
    params = sorted({key for run in study.runs for key in run.params})
    splits = sorted({split for run in study.runs for split in run.data})
    confidences = sorted({*CONFIDENCES, *(confidence for run in study.runs for confidence in run.scores)})
    header = ["study", "run", "name", "started", "status"]
    header += [*(f"param.{key}" for key in params), *(f"data.{split}" for split in splits)]
    header += [f"made_with.{name}" for name in sorted({name for run in study.runs for name in run.made_with})]
    header += ["val_mask_ap50", "cpu_seconds", "train_photos", *_columns(confidences, "spurious"), "photo"]
    header += ["group"] * any(run.groups for run in study.runs) + ["region"]
    header += _columns(confidences, "outcome", "detections")
    header += ["matches"] * any(run.matches is not None for run in study.runs) + ["plans"] * bool(study.plans)
    text = io.StringIO()
    lines = csv.DictWriter(text, header, restval="", lineterminator="\n")
    lines.writeheader()
    frozen = {"plans": json.dumps([plan.to_json() for plan in study.plans], ensure_ascii=False)} if study.plans else {}
    for run in study.runs:
        for line in _lines(run):
            lines.writerow({"study": study.name, **line, **frozen})
            frozen = {}
    if file.suffix == ".gz":
        with atomic_write(file) as draft:
            draft.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    else:
        write_text(text.getvalue(), file)


def read_runs(file: Path) -> Study:
    """Read a study from a CSV file of `write_runs`.

    Raises:
        UserError: the file cannot be read, or a line is not valid.
    """
    try:
        opener = gzip.open if file.suffix == ".gz" else open
        with opener(file, "rt", encoding="utf-8", newline="") as opened:
            lines = list(csv.DictReader(opened))
    except (gzip.BadGzipFile, EOFError) as error:
        raise UserError(f"{file} cannot be read as a study's runs: it is not a complete gzip file.") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} cannot be read as a study's runs: {error}.") from error
    confidences = _confidences(lines[0] if lines else ())
    required = ["study", "run", "name", "started", "status", "photo", "region"]
    required += _columns(confidences, "spurious", "outcome")
    if missing := [column for column in required if not lines or column not in lines[0]]:
        raise UserError(f"{file} is not a file of a study's runs: it has no lines with {', '.join(missing)}.")
    runs = []
    for _, group in groupby(enumerate(lines, start=2), key=lambda numbered: numbered[1]["run"]):
        numbers, of_run = zip(*group, strict=True)
        try:
            runs.append(_from_lines(of_run, confidences))
        except (ValueError, TypeError) as error:
            raise UserError(f"{file}, lines {numbers[0]} to {numbers[-1]}: {error}.") from error
    try:
        plans = tuple(FrozenPlan.from_json(plan) for plan in json.loads(lines[0].get("plans") or "[]"))
    except (ValueError, TypeError) as error:
        raise UserError(f"{file}, line 2, plans: {error}.") from error
    return Study(lines[0]["study"], tuple(runs), plans)


def _lines(run: StudyRun) -> Iterator[dict[str, Any]]:
    common = {"run": run.id, "name": run.name, "started": run.started.isoformat(), "status": run.status}
    common |= {f"param.{key}": value for key, value in run.params.items()}
    common |= {f"data.{split}": label for split, label in run.data.items()}
    common |= {f"made_with.{name}": value for name, value in run.made_with.items()}
    numbers: dict[str, float | None] = {"val_mask_ap50": run.val_mask_ap50, "cpu_seconds": run.cpu_seconds}
    numbers["train_photos"] = run.train_photos
    numbers |= {f"spurious_at_{confidence:g}": scored.spurious for confidence, scored in run.scores.items()}
    common |= {key: repr(value) for key, value in numbers.items() if value is not None}
    objects: set[tuple[str, int | str]] = {key for scored in run.scores.values() for key in scored.outcomes}
    photos = {photo for scored in run.scores.values() for photo in scored.detections or ()} | {*(run.matches or ())}
    objects |= {(photo, "") for photo in photos - {photo for photo, _ in objects}}
    listed: set[str] = set()
    for photo, region in sorted(objects):
        of_object: dict[str, object] = {}
        if photo not in listed and run.matches is not None:
            of_object["matches"] = json.dumps(to_json(run.matches.get(photo, {})), ensure_ascii=False)
        listed.add(photo)
        for confidence, scored in run.scores.items():
            if isinstance(region, int):
                of_object[f"outcome_at_{confidence:g}"] = scored.outcomes.get((photo, region), "")
            if scored.detections is not None:
                of_object[f"detections_at_{confidence:g}"] = scored.detections.get(photo, "")
        if photo in run.groups:
            of_object["group"] = run.groups[photo]
        yield {**common, "photo": photo, "region": region, **of_object}
    if not objects:
        yield common


def _from_lines(lines: tuple[dict[str, str], ...], confidences: Sequence[float]) -> StudyRun:
    first = lines[0]
    if any(None in line or None in line.values() for line in lines):
        raise ValueError(f"run {first['run']} has a line with a different number of fields than the header")
    _number(first, "param.min_confidence")  # raises ValueError if it is not a number
    if first["status"] not in STATUSES:
        raise ValueError(
            f"run {first['run']} has the status {first['status']!r}; it must be one of {', '.join(STATUSES)}"
        )
    scores = {confidence: _scored_lines(lines, confidence) for confidence in confidences}
    return StudyRun(
        id=first["run"],
        name=first["name"],
        started=datetime.fromisoformat(first["started"]).replace(tzinfo=None),  # naive, like the times from MLflow
        status=first["status"],
        params=rename_params(_with_prefix(first, "param.")),
        data=_with_prefix(first, "data."),
        val_mask_ap50=_number(first, "val_mask_ap50"),
        cpu_seconds=_number(first, "cpu_seconds"),
        scores={confidence: scored for confidence, scored in scores.items() if scored},
        matches=_matches(lines),
        groups={line["photo"]: line["group"] for line in lines if line.get("group")},
        train_photos=int(first["train_photos"]) if first.get("train_photos") else None,
        made_with=_with_prefix(first, "made_with."),
    )


def _matches(lines: Sequence[dict[str, str]]) -> dict[str, PhotoMatches] | None:
    """Return the matches in each photo that has some; None if the run did not log them."""
    cells = {line["photo"]: line["matches"] for line in lines if line.get("matches")}
    try:
        found = {photo: from_json(json.loads(cell)) for photo, cell in cells.items()}
    except json.JSONDecodeError as error:
        raise ValueError(f"run {lines[0]['run']} has matches that are not JSON: {error}") from error
    return {photo: each for photo, each in sorted(found.items()) if each} if cells else None


def _scored_lines(lines: Sequence[dict[str, str]], confidence: float) -> Scored | None:
    run, column = lines[0]["run"], f"outcome_at_{confidence:g}"
    scored = [line for line in lines if line[column]]
    if not scored:
        return None
    outcomes = {(line["photo"], int(line["region"])): Outcome(line[column]) for line in scored}
    if len(outcomes) < len(scored):
        raise ValueError(f"run {run} has two lines for the same object; it must have one")
    spurious = int(lines[0][f"spurious_at_{confidence:g}"])
    if spurious < 0:
        raise ValueError(f"run {run} has a negative spurious_at_{confidence:g}; it must be at least 0")
    column = f"detections_at_{confidence:g}"
    numbers = {(line["photo"], int(line[column])) for line in lines if line.get(column)}
    detections = dict(numbers)
    if any(number < 0 for number in detections.values()):
        raise ValueError(f"run {run} has a negative {column}; it must be at least 0")
    if len(detections) < len(numbers):
        raise ValueError(f"run {run} has two values of {column} for the same photo; it must have one")
    claimed = Counter(photo for (photo, _), outcome in outcomes.items() if outcome != Outcome.MISSED)
    if detections and (few := [photo for photo, count in claimed.items() if detections.get(photo, 0) < count]):
        raise ValueError(
            f"run {run} has {column} {detections.get(few[0], 0)} for {few[0]}; it must be at least {claimed[few[0]]}, "
            "the number of objects that are not missed"
        )
    return Scored(outcomes, spurious, detections or None)


def _confidences(columns: Iterable[str]) -> list[float]:
    """Return the confidences that the columns of a file name; those of every run if they name none."""
    named = (re.fullmatch(r"(?:outcome|spurious)_at_(\d+(?:\.\d+)?(?:e-\d+)?)", column or "") for column in columns)
    return sorted({float(match[1]) for match in named if match}) or list(CONFIDENCES)


def _with_prefix(line: dict[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in line.items() if key.startswith(prefix) and value}


def _number(line: dict[str, str], column: str) -> float | None:
    text = line.get(column)
    if text and not isfinite(float(text)):
        raise ValueError(f"{column} must be a finite number, not {text!r}")
    return float(text) if text else None


def _columns(confidences: Sequence[float], *kinds: str) -> list[str]:
    return [f"{kind}_at_{confidence:g}" for kind in kinds for confidence in confidences]
