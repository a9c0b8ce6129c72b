"""What a search may choose from, in Hydra's syntax for sweeps.

    aug=choice(none,blur)            batch=range(4,17,4)                 recipe=glob(*)
    lr=tag(log,interval(1e-4,1e-2))  optim.warmup=int(interval(0,200))

In YAML, under `hydra.sweeper.space`, the same strings; a parameter that makes sense only for some values of another one
is written with both:

    optim.name: choice(sgd,adamw)
    optim.weight_decay: {values: "tag(log,interval(1e-4,1e-1))", when: optim.name=adamw}
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from fmask.utils.errors import UserError

MOST_VALUES = 10_000
"""That one override may stand for."""


@dataclass(frozen=True)
class Parameter:
    """One thing that a search chooses; either `choices`, or numbers from `low` to `high`, both included."""

    key: str
    text: str
    """As it was written."""
    choices: tuple[str, ...] = ()
    low: float | int = 0
    high: float | int = 0
    step: float | int | None = None
    log: bool = False
    when: tuple[str, tuple[str, ...]] | None = None
    """Another parameter and those of its values for which this one is chosen at all."""

    def suggest(self, trial: Any) -> str:
        """The value that an Optuna trial has, or now gets, as text for an override."""
        if self.choices:
            return trial.suggest_categorical(self.key, self.choices)
        if isinstance(self.low, int):
            return str(trial.suggest_int(self.key, self.low, self.high, step=self.step or 1, log=self.log))
        return repr(trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log))

    def extremes(self) -> Sequence[str]:
        """All choices, or the smallest and the largest number."""
        return self.choices or (str(self.low), str(self.high))


def split(
    overrides: Sequence[Override], space: Mapping[str, Any], loader: ConfigLoader
) -> tuple[list[Parameter], list[str]]:
    """What a search chooses, and the overrides that all its jobs share.

    Args:
        overrides: the command line's. A key in it takes the place of the same key in `space`.
        space: as under `hydra.sweeper.space`.

    Raises:
        UserError: a parameter cannot be read, has nothing to choose from, or depends on one that is not there.
    """
    parser = OverridesParser.create(config_loader=loader)
    given = {override.get_key_element() for override in overrides}
    parameters = []
    for key, written in space.items():
        if key not in given:
            entry = written if isinstance(written, Mapping) else {"values": written}
            if "values" not in entry or not set(entry) <= {"values", "when"}:
                raise UserError(f"hydra.sweeper.space: {key} needs values, and may have when; it has {dict(entry)}.")
            override = _parse(parser, f"{key}={entry['values']}")
            condition = _parse(parser, entry["when"]) if "when" in entry else None
            when = (condition.get_key_element(), tuple(values_of(condition))) if condition else None
            parameters.append(_parameter(override, when))
    parameters += [_parameter(override) for override in overrides if override.is_sweep_override()]
    _check_conditions(parameters)
    fixed = [
        f"{override.get_key_element()}={override.get_value_element_as_str()}"
        for override in overrides
        if not override.is_sweep_override()
    ]
    return parameters, fixed


def suggest(parameters: Sequence[Parameter], trial: Any) -> dict[str, str]:
    """The values of a trial, by key; without the parameters whose condition they do not meet."""
    values: dict[str, str] = {}
    for parameter in parameters:
        if parameter.when is None or values.get(parameter.when[0]) in parameter.when[1]:
            values[parameter.key] = parameter.suggest(trial)
    return values


def probes(parameters: Sequence[Parameter], fixed: Sequence[str]) -> list[list[str]]:
    """Jobs with which to try a search before it starts: each choice and each end of a range once."""
    first = {parameter.key: parameter.extremes()[0] for parameter in parameters if parameter.when is None}
    jobs = []
    for parameter in parameters:
        met = {parameter.when[0]: parameter.when[1][0]} if parameter.when else {}
        for value in parameter.extremes():
            jobs.append([*fixed, *(f"{key}={one}" for key, one in {**first, **met, parameter.key: value}.items())])
    return jobs


def _parse(parser: OverridesParser, text: str) -> Override:
    try:
        return parser.parse_overrides([text])[0]  # it alone gives an override what glob needs
    except HydraException as error:
        raise UserError(f"hydra.sweeper.space: {text!r} cannot be read as an override.") from error


def _parameter(override: Override, when: tuple[str, tuple[str, ...]] | None = None) -> Parameter:
    key, value = override.get_key_element(), override.value()
    text = (override.input_line or "").partition("=")[2]
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None
        assert high is not None
        log = "log" in value.tags
        if low > high or (log and low <= 0):
            needed = "two positive ends" if log else "two ends"
            raise UserError(f"{override.input_line}: needed are {needed}, the smaller first.")
        return Parameter(key, text, low=low, high=high, log=log, when=when)
    if isinstance(value, RangeSweep):
        values_of(override)  # there must be some
        numbers = sorted(value.range())
        return Parameter(key, text, low=numbers[0], high=numbers[-1], step=abs(value.step), when=when)
    if not override.is_sweep_override():
        raise UserError(f"{override.input_line}: a search needs choice(..), range(..), interval(..) or glob(..) here.")
    return Parameter(key, text, choices=tuple(values_of(override)), when=when)


def values_of(override: Override) -> list[str]:
    """The values that an override gives, as text: one, or those of a list, range or pattern.

    Raises:
        UserError: there is none, or there are more than `MOST_VALUES`.
    """
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    values = list(itertools.islice(override.sweep_string_iterator(), MOST_VALUES + 1))
    if not values:
        raise UserError(f"{override.input_line}: this stands for no value at all.")
    if len(values) > MOST_VALUES:
        raise UserError(f"{override.input_line}: this stands for more than {MOST_VALUES} values.")
    return values


def _check_conditions(parameters: Sequence[Parameter]) -> None:
    known: dict[str, Parameter] = {}
    for parameter in parameters:
        if parameter.when:
            key, values = parameter.when
            if key not in known or not set(values) <= set(known[key].choices or values):
                above = ", ".join(known) or "none"
                raise UserError(
                    f"hydra.sweeper.space: {parameter.key} is chosen when {key}={','.join(values)}, which must be "
                    f"a parameter above it ({above}) that has such a choice."
                )
        known[parameter.key] = parameter
