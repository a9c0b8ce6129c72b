"""The file of a study's plan: what it contains, and the check of its values."""

import difflib
import re
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from fmask.studies.average_precision import AP, AP50
from fmask.utils.errors import UserError
from fmask.utils.settings import check_value, field_docs

ACCURACY = "accuracy"
"""The primary score that is the share of found objects, at the confidence of the plan."""
KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    list[str]: "a list of texts",
    list[int]: "a list of whole numbers",
}


def _limited(low: float, high: float, **default: Any) -> Any:
    """Return a field for a number from `low` to `high`; unlike `between`, it has no default by default."""
    return field(metadata={"low": low, "high": high}, **default)


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """The values of a plan's file."""

    study: str
    """The setting `study` of the runs, an MLflow experiment."""
    question: str
    """What the study is to find out, in words."""
    settings: str = ""
    """Overrides that all rows share, as on the command line: `data=photos recipe=transfer`."""
    rows: list[str]
    """The settings that are compared, each as on the command line: `aug=blur steps=100`. An override with several
    values, as in a sweep, gives one row for each combination. The text of a row is also its name."""
    baseline: str
    """The row that the others are compared with."""
    seeds: list[int]
    """The seeds that each row is trained with."""
    folds: int | None = _limited(2, 100, default=None)
    """Number of folds, each of which tests one run of each row and seed; null: the splits of the data's folders."""
    score: str
    """The primary score, `accuracy` (at `confidence`), `mask_ap`, `mask_ap50` or `mask_ap50_CLASS`."""
    confidence: float = _limited(0, 1)
    """The confidence of the table, 0.5, 0.9 or the `min_confidence` of all rows; detections with a lower score do not
    count."""
    family: list[str] | None = None
    """The rows whose comparisons with the baseline are tested, corrected for their number by Holm's method; null: all
    rows."""
    margin: float = _limited(0.001, 0.999)
    """The smallest difference of interest; rows that differ from the baseline by less are equivalent to it."""
    alpha: float = _limited(0.0001, 0.5, default=0.05)
    """The probability of a wrong verdict in the family, if there are no differences."""
    objects: int = _limited(1, 1e7)
    """The expected number of annotated test objects; with folds, those of all folds."""
    budget: float = _limited(0, 1e7)
    """The CPU hours that all runs together may need."""
    pilot: str | None = None
    """An earlier study that shows how much scores vary: a file of `fmask table --save-runs`, relative to the plan's
    folder, or the name of a study. null: what the plan can find is not computed."""


class _UniqueKeys(yaml.SafeLoader):
    """YAML without keys that are given twice, of which PyYAML would use the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node."""
        keys = [key.value for key, _ in node.value]
        if repeated := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"{repeated[0]} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def parse_plan(text: str, place: str) -> PlanFile:
    """Read the text of a plan's file.

    Args:
        text: YAML.
        place: the file's name, for messages.

    Raises:
        UserError: the text is not YAML, a key is unknown, missing or given twice, or a value is not allowed.
    """
    try:
        values = yaml.load(text, _UniqueKeys)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(f"{place}{where}: {problem}.") from error
    if not isinstance(values, dict):
        raise UserError(f"{place} must have the keys {', '.join(_names())}.")
    for key in values:
        if key not in _names():
            near = difflib.get_close_matches(str(key), _names(), n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(_names())}."
            raise UserError(f"{place}: unknown key {str(key)!r}; {hint}")
    types = get_type_hints(PlanFile)
    for each in fields(PlanFile):
        if each.name not in values:
            if each.default is MISSING:
                raise UserError(
                    f"{place}: {each.name} is missing; it must be {_kind(types[each.name])}: {_meaning(each.name)}"
                )
            continue
        value = values[each.name]
        if not _fits(value, types[each.name]):
            raise UserError(f"{place}: {each.name} must be {_kind(types[each.name])}, not {value!r}.")
        if value is not None:
            check_value(f"{place}: {each.name}", value, each.metadata)
        if isinstance(value, str):
            values[each.name] = " ".join(value.split())  # a folded text, on one line
    plan = PlanFile(**values)
    _check(plan, place)
    return plan


def read_text(file: Path) -> str:
    """Return the text of a plan's file.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be read as a plan: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{file} cannot be read as a plan: it is not a text file in UTF-8.") from error


def _check(plan: PlanFile, place: str) -> None:
    for name in ("study", "question", "baseline"):
        if not getattr(plan, name):
            raise UserError(f"{place}: {name} is empty.")
    for name in ("rows", "seeds"):
        values = getattr(plan, name)
        if not values:
            raise UserError(f"{place}: {name} must have at least one entry.")
        if repeated := [each for each in values if values.count(each) > 1]:
            raise UserError(f"{place}: {name} has {repeated[0]} twice.")
    for seed in plan.seeds:
        check_value(f"{place}: seeds", seed, {"low": 0, "high": 2**31 - 1})
    if not re.fullmatch(rf"{ACCURACY}|{AP}|{AP50}(_.+)?", plan.score):
        allowed = f"{ACCURACY}, {AP}, {AP50} or {AP50}_CLASS"
        raise UserError(f"{place}: score must be {allowed}, not {plan.score}.")
    if plan.family == []:
        raise UserError(f"{place}: family must have at least one row, or be null for all rows.")


def _names() -> list[str]:
    return [each.name for each in fields(PlanFile)]


def _kind(kind: Any) -> str:
    optional = type(None) in get_args(kind)
    kind = next((each for each in get_args(kind) if each is not type(None)), kind) if optional else kind
    return KINDS[kind] + " or null" * optional


def _meaning(name: str) -> str:
    """Return what a key means, from the docstring of its field."""
    first = field_docs(PlanFile)[name].partition(". ")[0].rstrip(".").replace("`", "")
    return f"{first[0].lower()}{first[1:]}."


def _fits(value: Any, kind: Any) -> bool:
    if type(None) in get_args(kind):
        return value is None or any(_fits(value, each) for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_fits(each, get_args(kind)[0]) for each in value)
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)
