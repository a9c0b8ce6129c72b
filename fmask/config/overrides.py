"""Check command-line overrides of `fmask train` and `fmask sweep` before any work, with one-sentence error messages."""

import dataclasses
import difflib
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fmask.config.schema import Config, Part
from fmask.config.user_conf import group_folders
from fmask.config.validate import validate
from fmask.data.config import Aug, check_installed
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import INVERTED, RENAMED
from fmask.utils.secrets import without_secrets

_PARTS, _COUNTS = "schedule.parts.", "data.counts."
"""Keys below which the user chooses the names."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a string", list: "a list in brackets"}


def check_overrides(conf: Path, name: str, overrides: list[str], only_shown: bool = False) -> None:
    """Check overrides, so that a wrong key or value is reported before anything is loaded.

    Overrides without a sweep are checked by composing the configuration; of a sweep, only the keys are checked.

    Args:
        conf: folder with the configuration.
        name: name of the configuration in `conf`.
        overrides: overrides as on the command line.
        only_shown: whether nothing is trained, as with `--help`; then the photos need not be installed.

    Raises:
        UserError: a key or a value is wrong, and the message names the key, the value and the allowed values; or the
            photos are not installed.
    """
    if not any(override.is_sweep_override() for override in _checked(conf, overrides)):
        config = compose_one(conf, name, overrides)
        if not only_shown:
            check_installed(config.data)


def compose_one(conf: Path, name: str, overrides: list[str]) -> Config:
    """Compose the configuration of one run and check it.

    Raises:
        UserError: a key or a value is wrong; the message names the key, the value and the allowed values.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    parsed = _checked(conf, overrides)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            return validate(compose(name, overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(without_secrets(explain(error, parsed))) from error
    except OSError as error:  # for example a file name that is too long
        raise UserError(f"{error.filename}: {error.strerror}.") from error
    finally:
        GlobalHydra.instance().clear()


def _checked(conf: Path, overrides: list[str]) -> list[Override]:
    parsed = _parse(overrides)
    choices = _groups(conf)
    for each in parsed:
        _check_key(each, choices)
    return parsed


def check_one_run(overrides: list[str], multirun: bool, trains: bool = True) -> None:
    """Refuse overrides that ask for several runs.

    Args:
        overrides: overrides as on the command line.
        multirun: whether Hydra's option `--multirun` was given.
        trains: whether the command trains, so that `fmask sweep` would be the right one.

    Raises:
        UserError: several runs are asked for; the message names the command for them, if there is one.
    """
    if multirun or "hydra.mode=MULTIRUN" in overrides or any(each.is_sweep_override() for each in _parse(overrides)):
        if not trains:
            raise UserError("these overrides ask for several runs; give one value for each setting.")
        command = without_secrets(shlex.join(["fmask", "sweep", *overrides]))
        raise UserError(f"these overrides ask for several runs; use `{command}`.")


def check_no_sweep(overrides: list[str]) -> None:
    """Refuse the settings of sweeps, which `fmask train` does not have.

    Args:
        overrides: overrides as on the command line.

    Raises:
        UserError: an override sets the launcher or the sweeper, or names a plan or its finished runs.
    """
    for override in overrides:
        if re.match(r"\+*(hydra[./](launcher|sweeper)\b|plan=|finished=)", override):
            raise UserError(f"{without_secrets(override)} is a setting of `fmask sweep`; `fmask train` makes one run.")


def resumed_run(overrides: list[str]) -> str | None:
    """Return the run that the override `resume=` names; None without this override.

    Raises:
        UserError: `resume=` is empty, or other overrides are given with it.
    """
    named = [override.removeprefix("resume=") for override in overrides if override.startswith("resume=")]
    if named and len(overrides) > 1:
        others = " ".join(override for override in overrides if override != f"resume={named[0]}")
        raise UserError(f"resume={named[0]} continues with the run's own configuration; remove {others}.")
    if named and not named[0]:
        raise UserError("resume= is empty; it must be the id of a run or the path of its output folder.")
    return os.path.expanduser(named[0]) if named else None  # noqa: PTH111 - it may also be the id of a run


def explain(error: Exception, overrides: Sequence[Override]) -> str:
    """Return one sentence that explains an error of Hydra or OmegaConf, and names the override that caused it."""
    cause: Any = error.__cause__ or error  # Hydra's error names the override, its cause from OmegaConf the reason
    message = _first_line(error)
    wrong = next((each for each in overrides if message in _hydra_messages(each)), None)
    if wrong is None:
        options = str(error).partition("Available options in ")[2].partition("Config search path")[0].splitlines()[1:]
        known = ", ".join(each.strip() for each in options if each.strip())
        place = getattr(cause, "full_key", None)
        problem = _first_line(cause).rpartition("raised while resolving interpolation: ")[2].strip('"')
        problem = problem.partition(": Value '")[0]  # the value may be a secret from an environment variable
        if known and (choice := re.search(r"Could not find '(hydra/\w+)/(.*)'", problem)):
            known = known.removeprefix("basic, ")  # Hydra's own, which runs jobs in this process
            return f"{choice[1]}={choice[2]}: unknown choice; {choice[1]} must be one of {known}."
        return f"{f'{place}: ' if place else ''}{problem}{f'; available: {known}' if known else ''}."
    key, typed = wrong.key_or_group, wrong.input_line
    if cause is error:
        return f"{typed}: there is no earlier choice to replace; use +{typed} to add one."
    if isinstance(cause, OmegaConfBaseException) and isinstance(cause, (AttributeError, KeyError)):
        place, _, name = (cause.full_key or key).rpartition(".")
        names = ", ".join(str(each) for each in cause.parent_node or () if not str(each).startswith("_"))
        keys = f"its keys are {names}" if names else "it has no keys"
        add_hint = f"; use +{typed} to add one" if "not in struct" in _first_line(cause) else ""
        return f"{typed}: {place} has no key {name!r}; {keys}{add_hint}."
    return f"{typed}: {_first_line(cause) if key.startswith('hydra.') else f'{key} must be {_expected(key)}'}."


def rename_batch(override: str) -> str:
    """Return the override with `batch`, the short form of the key, replaced by `batch_size`."""
    return re.sub(r"^(\+*)batch=", r"\1batch_size=", override)


def _parse(overrides: Sequence[str]) -> list[Override]:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed: list[Override] = []
    for override in overrides:
        try:
            parsed += parser.parse_overrides([override])
        except HydraException as error:
            typed = without_secrets(repr(override))
            raise UserError(f"{typed} is not a valid override; write KEY=VALUE, such as steps=50.") from error
    return parsed


def _groups(conf: Path) -> dict[str, list[str]]:
    """Return the configuration's groups and their choices, with the user's."""
    groups: dict[str, set[str]] = {}
    for root in group_folders(conf):
        for folder in sorted(root.iterdir()):
            if folder.is_dir() and folder.name != "hydra":
                files = folder.glob("**/*.yaml")
                names = {file.relative_to(folder).with_suffix("").as_posix() for file in files}
                groups.setdefault(folder.name, set()).update(names)
    return {name: sorted(choices) for name, choices in groups.items()}


def _check_key(override: Override, groups: Mapping[str, list[str]]) -> None:
    key, typed = override.key_or_group, without_secrets(override.input_line or "")
    if key.split("/")[0] == "hydra" or key.startswith("hydra."):
        return
    if override.is_delete():
        if not _is_open(key):
            raise UserError(f"{typed}: settings cannot be removed; use {key}=VALUE to change the value.")
    elif key in groups:
        if override.is_add() and not override.package:
            raise UserError(f"{typed}: {key} already exists; remove the +.")
        if override.package and not (key == "aug" and override.package.startswith(_PARTS)):
            raise UserError(f"{typed}: only aug can be chosen for another place, as aug@{_PARTS}NAME.aug.")
        if not override.is_sweep_override() and override.value() not in groups[key]:
            raise UserError(f"{typed}: unknown choice; {key} must be one of {', '.join(groups[key])}.")
    elif key not in (keys := _config_keys()) and not _is_open(key):
        if new := RENAMED.get(key):
            opposite = ", with the opposite value" if key in INVERTED else ""
            raise UserError(f"{typed}: {key} is now called {new}{opposite}.")
        near = list(dict.fromkeys(difflib.get_close_matches(key, [*groups, *keys], n=3)))
        top = dict.fromkeys([*groups, *(each for each in keys if "." not in each)])
        hint = f"did you mean {' or '.join(near)}?" if near else f"the top-level keys are {', '.join(top)}."
        raise UserError(f"{typed}: unknown key {key!r}; {hint}")


def _is_open(key: str) -> bool:
    """Return whether a key lies below one whose names the user chooses."""
    if key.startswith(_PARTS):
        setting = key.removeprefix(_PARTS).partition(".")[2]
        return not setting or setting in _part_keys()
    return key.startswith(_COUNTS)


def _hydra_messages(override: Override) -> tuple[str, ...]:
    """Return the first lines of Hydra's messages about an override that it cannot apply."""
    place = f"{override.key_or_group}@{override.package}" if override.package else override.key_or_group
    return f"Error merging override {override.input_line}", f"Could not override '{place}'"


def _expected(key: str) -> str:
    """Return the kind of value that a setting accepts, in words, from its type in the schema."""
    kind: Any = Config
    for name in key.split("."):
        kind = get_type_hints(kind)[name] if dataclasses.is_dataclass(kind) else get_args(kind)[-1]  # dict values
        kind = next(each for each in (*get_args(kind), kind) if each is not type(None)) if _is_optional(kind) else kind
    if dataclasses.is_dataclass(kind):
        return f"set key by key, as in {key}.{dataclasses.fields(kind)[0].name}=VALUE"
    return _WORDS.get(get_origin(kind) or kind, f"set key by key, as in {key}.NAME=VALUE")


def _is_optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


@cache
def _config_keys() -> list[str]:
    return _keys(OmegaConf.structured(Config))  # takes 30 ms, and a sweep checks each override of each job


@cache
def _part_keys() -> list[str]:
    return _keys(OmegaConf.structured(Part(aug=Aug())))


def _keys(node: DictConfig, prefix: str = "") -> list[str]:
    """Return the dotted names of all settings."""
    keys = []
    for key in map(str, node):
        keys.append(f"{prefix}{key}")
        if OmegaConf.is_dict(node._get_node(key)) and not OmegaConf.is_missing(node, key):
            keys += _keys(node[key], f"{prefix}{key}.")
    return keys


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
