"""The rows of a plan: their overrides, the settings that these compose to, and the runs of each row."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fmask import tracking
from fmask.studies.plans.file import PlanFile
from fmask.studies.plans.frozen import setting_changes
from fmask.studies.runs import settings_of
from fmask.utils.errors import UserError

MACHINE = "precision"
"""A setting whose default depends on the machine; it is a part of the plan only if the plan's file sets it."""
ELSEWHERE = {
    "seed": "the seeds are listed under `seeds`",
    "fold": "the number of folds is `folds`",
    "data.folds": "the number of folds is `folds`",
    "study": "the study is `study`",
}
"""Settings that rows cannot contain, and what has them instead."""


NOT_IN_ROWS = {"seed", "fold", "min_confidence"}
"""Params that are not among the settings of a planned row."""


@dataclass(frozen=True)
class PlannedRow:
    """A row of a plan."""

    overrides: tuple[str, ...]
    """All its overrides in Hydra's notation, those that it shares with other rows included."""
    params: dict[str, str]
    """The settings that they compose to, as a run logs them, without seed, fold and what is not compared."""
    config: Any
    """The composed `Config` of its first run."""


def compose_rows(plan: PlanFile, place: str) -> dict[str, PlannedRow]:
    """Compose the rows of a plan.

    Args:
        plan: the plan.
        place: the name of its file, for messages.

    Returns:
        The rows by their names, in the order of the file.

    Raises:
        UserError: an override is wrong, or two rows have the same settings.
    """
    from fmask.config.compose import compose_config

    shared = _expanded(plan.settings, place, "settings") if plan.settings else [[]]
    if len(shared) > 1:
        raise UserError(f"{place}: settings: {plan.settings!r} has several values; rows are listed under `rows`.")
    rows: dict[str, PlannedRow] = {}
    for line in plan.rows:
        for own in _expanded(line, place, "rows"):
            name = " ".join(own)
            if name in rows:
                raise UserError(f"{place}: rows has {name} twice.")
            overrides = list({_key(each): each for each in (*shared[0], *own)}.values())
            try:
                config = compose_config([*overrides, *run_overrides(plan, plan.seeds[0], 1 if plan.folds else None)])
            except UserError as error:
                raise UserError(f"{place}: row {name}: {error}") from error
            params = _compared(tracking.flatten(asdict(config)), overrides)
            if same := next((other for other, row in rows.items() if row.params == params), None):
                raise UserError(f"{place}: rows {same} and {name} have the same settings; remove one of them.")
            rows[name] = PlannedRow(tuple(overrides), params, config)
    return rows


def run_overrides(plan: PlanFile, seed: int, fold: int | None) -> list[str]:
    """Return the overrides of one run in addition to those of its row; `fold` is None without folds."""
    from fmask.config.quoting import as_hydra

    folds = [] if fold is None else [f"fold={fold}", f"data.folds={plan.folds}"]
    return [as_hydra(f"study={plan.study}"), f"seed={seed}", *folds]


def named_rows(line: str, rows: Mapping[str, Any], place: str, key: str) -> list[str]:
    """Return the names of the rows that a string in the plan's file stands for.

    Raises:
        UserError: the plan has no such row.
    """
    names = [" ".join(own) for own in _expanded(line, place, key)]
    for name in names:
        if name not in rows:
            raise UserError(f"{place}: {key} must be one of the plan's rows ({'; '.join(rows)}), not {name}.")
    return names


def _expanded(line: str, place: str, key: str) -> list[list[str]]:
    """Return the overrides of each row that a text means: several if an override has several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    from fmask.config.overrides import rename_batch
    from fmask.config.quoting import as_hydra
    from fmask.sweeping.grid import combinations

    parsed = []
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UserError(f"{place}: {key}: {line!r} cannot be split into overrides: {error}.") from error
    for word in words:
        try:
            parsed += OverridesParser.create().parse_overrides([as_hydra(rename_batch(word))])
        except HydraException as error:
            raise UserError(
                f"{place}: {key}: {word!r} is not a valid override; write KEY=VALUE, such as steps=50."
            ) from error
        name = parsed[-1].get_key_element()
        if "${" in word or re.match(r"hydra[./]", name):
            raise UserError(f"{place}: {key}: {word} cannot be planned; rows are plain settings of fmask train.")
        if name in ELSEWHERE:
            raise UserError(f"{place}: {key}: {word} cannot be a part of a row; {ELSEWHERE[name]}.")
    try:
        return combinations(parsed)
    except UserError as error:
        raise UserError(f"{place}: {key}: {error}") from error


def _key(override: str) -> str:
    return override.partition("=")[0]


def _compared(params: dict[str, str], overrides: Sequence[str]) -> dict[str, str]:
    without = NOT_IN_ROWS | ({MACHINE} - {_key(each) for each in overrides})
    return {key: value for key, value in settings_of(params).items() if key not in without}


def deviations(params: Mapping[str, str], row: Mapping[str, str]) -> list[str]:
    """Return the settings of a run that differ from those of a planned row, as `lr 0.001 → 0.01`."""
    without = NOT_IN_ROWS | ({MACHINE} - row.keys())
    return setting_changes(row, {key: value for key, value in params.items() if key not in without})
