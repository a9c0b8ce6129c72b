"""The parameters of a search, in Hydra's syntax for sweeps.

    aug=choice(none,blur)            batch=range(4,17,4)                 recipe=glob(*)
    lr=tag(log,interval(1e-4,1e-2))  optim.warmup=int(interval(0,200))

YAML files have the same strings under `hydra.sweeper.space`. A conditional parameter, which exists only for some values
of another parameter, has the fields `values` and `when`:

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

MAX_VALUES = 10_000
"""Most values that one override may have."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a search: either a list of `choices`, or numbers from `low` to `high`, both included."""

    key: str
    text: str
    """The values as the user wrote them."""
    choices: tuple[str, ...] = ()
    low: float | int = 0
    high: float | int = 0
    step: float | int | None = None
    log: bool = False
    when: tuple[str, tuple[str, ...]] | None = None
    """The key of another parameter, and those of its values for which this parameter exists; None: it always does."""

    def suggest(self, trial: Any) -> str:
        """Return the value of this parameter in an Optuna trial, chosen if it has none yet, as text of an override."""
        if self.choices:
            return trial.suggest_categorical(self.key, self.choices)
        if isinstance(self.low, int):
            return str(trial.suggest_int(self.key, self.low, self.high, step=self.step or 1, log=self.log))
        value = trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)
        return f"{value:.12g}" if self.step else repr(value)  # 0.1 + 2 * 0.1 is 0.30000000000000004

    def extremes(self) -> Sequence[str]:
        """Return all choices, or the smallest and the largest number."""
        return self.choices or (str(self.low), str(self.high))


def split(
    overrides: Sequence[Override], space: Mapping[str, Any], loader: ConfigLoader
) -> tuple[list[Parameter], list[str]]:
    """Split overrides into the parameters of a search and the overrides that all its jobs share.

    Args:
        overrides: the overrides of the command line. They replace entries of `space` with the same key.
        space: the setting `hydra.sweeper.space`.
        loader: Hydra's configuration loader, which `glob` needs.

    Returns:
        The parameters, those of `space` first, and the fixed overrides.

    Raises:
        UserError: a parameter cannot be parsed, is given twice, has no values, or depends on one that does not exist.
    """
    refuse_repeated_keys(overrides)
    parser = OverridesParser.create(config_loader=loader)
    overridden = {override.get_key_element() for override in overrides}
    parameters = []
    for key, value in space.items():
        if key not in overridden:
            entry = value if isinstance(value, Mapping) else {"values": value}
            if "values" not in entry or not set(entry) <= {"values", "when"}:
                raise UserError(f"hydra.sweeper.space: {key} must have values and may have when, not {dict(entry)}.")
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
    """Return the values of a trial by key, without the parameters whose condition is not met."""
    values: dict[str, str] = {}
    for parameter in parameters:
        if parameter.when is None or values.get(parameter.when[0]) in parameter.when[1]:
            values[parameter.key] = parameter.suggest(trial)
    return values


def probes(parameters: Sequence[Parameter], fixed: Sequence[str]) -> list[list[str]]:
    """Return jobs, as overrides, that check a search before it starts: each choice and each end of a range once."""
    first = {parameter.key: parameter.extremes()[0] for parameter in parameters if parameter.when is None}
    jobs = []
    for parameter in parameters:
        required = {parameter.when[0]: parameter.when[1][0]} if parameter.when else {}
        for value in parameter.extremes():
            values = {**first, **required, parameter.key: value}
            jobs.append([*fixed, *(f"{key}={value}" for key, value in values.items())])
    return jobs


def _parse(parser: OverridesParser, text: str) -> Override:
    try:
        return parser.parse_overrides([text])[0]  # `parse_override` does not set the config loader that glob needs
    except HydraException as error:
        raise UserError(f"hydra.sweeper.space: {text!r} is not a valid override.") from error


def _parameter(override: Override, when: tuple[str, tuple[str, ...]] | None = None) -> Parameter:
    key, value = override.get_key_element(), override.value()
    text = (override.input_line or "").partition("=")[2]
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None
        assert high is not None
        log = "log" in value.tags
        if low > high or (log and low <= 0):
            requirement = "two positive ends, the smaller first" if log else "its smaller end first"
            raise UserError(f"{override.input_line}: the interval must have {requirement}.")
        return Parameter(key, text, low=low, high=high, log=log, when=when)
    if isinstance(value, RangeSweep):
        values_of(override)  # raises if there are none or too many
        numbers = sorted(value.range())
        return Parameter(key, text, low=numbers[0], high=numbers[-1], step=abs(value.step), when=when)
    if not override.is_sweep_override():
        raise UserError(f"{override.input_line} must be choice(...), range(...), interval(...) or glob(...).")
    choices = tuple(dict.fromkeys(values_of(override)))  # a repeated choice would be drawn more often
    return Parameter(key, text, choices=choices, when=when)


def refuse_repeated_keys(overrides: Sequence[Override]) -> None:
    """Refuse overrides that give several values to a key that is given again: the last ones would replace the others.

    Raises:
        UserError: a key is given twice.
    """
    for override in overrides:
        key = override.get_key_element()
        same = [each.input_line or "" for each in overrides if each.get_key_element() == key]
        if override.is_sweep_override() and len(same) > 1:
            raise UserError(f"{key} is given more than once, as {' and '.join(same)}; give all its values together.")


def values_of(override: Override) -> list[str]:
    """Return the values of an override as text: a single value, or those of a list, a range or a pattern.

    Raises:
        UserError: there are no values, or more than `MAX_VALUES`.
    """
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    values = list(itertools.islice(override.sweep_string_iterator(), MAX_VALUES + 1))
    if not values:
        raise UserError(f"{override.input_line} has no values; it must have at least one.")
    if len(values) > MAX_VALUES:
        raise UserError(f"{override.input_line} has more than {MAX_VALUES} values; at most {MAX_VALUES} are allowed.")
    return values


def _check_conditions(parameters: Sequence[Parameter]) -> None:
    known: dict[str, Parameter] = {}
    for parameter in parameters:
        if parameter.when:
            key, values = parameter.when
            if key not in known or not set(values) <= set(known[key].choices or values):
                above = ", ".join(known) or "none"
                raise UserError(
                    f"hydra.sweeper.space: {parameter.key} depends on {key}={','.join(values)}; {key} must be a "
                    f"parameter above it ({above}) with such a choice."
                )
        known[parameter.key] = parameter
