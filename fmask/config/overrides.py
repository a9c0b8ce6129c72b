"""What is typed after train.py and sweep.py, tried before any work: what is wrong with it is told in a sentence."""

import dataclasses
import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fmask.config.schema import Config, Part
from fmask.config.validate import validate
from fmask.data.config import Aug
from fmask.utils.errors import UserError
from fmask.utils.renamed_settings import INVERTED, RENAMED
from fmask.utils.secrets import without_secrets

_PARTS, _COUNTS = "schedule.parts.", "data.counts."
"""Below these, names are the user's choice."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", list: "a list in brackets"}


def check_overrides(conf: Path, name: str, overrides: list[str]) -> None:
    """Composes the configuration once, to refuse a wrong key or value with one sentence before anything is loaded.

    Raises:
        UserError: naming the key, what was given and what is allowed.
    """
    if not any(override.is_sweep_override() for override in _checked(conf, overrides)):
        compose_one(conf, name, overrides)


def compose_one(conf: Path, name: str, overrides: list[str]) -> Config:
    """Compose the configuration of one run and check it.

    Raises:
        UserError: naming the key, what was given and what is allowed.
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
    except OSError as error:  # of a path that the system refuses to look at
        raise UserError(f"{error.filename}: {error.strerror}.") from error
    finally:
        GlobalHydra.instance().clear()


def _checked(conf: Path, overrides: list[str]) -> list[Override]:
    parsed = _parse(overrides)
    choices = _groups(conf)
    for each in parsed:
        _check_key(each, choices)
    return parsed


def check_one_run(overrides: list[str], multirun: bool) -> None:
    """Refuses what stands for several runs.

    Args:
        multirun: whether Hydra was told to make several, by `--multirun`.

    Raises:
        UserError: naming the command that makes them.
    """
    if multirun or "hydra.mode=MULTIRUN" in overrides or any(each.is_sweep_override() for each in _parse(overrides)):
        command = without_secrets(shlex.join(["python", "sweep.py", *overrides]))
        raise UserError(f"several runs are a sweep; `{command}` makes them.")


def resumed_run(overrides: list[str]) -> str | None:
    """What `resume=` among the overrides names; None where it is not there.

    Raises:
        UserError: there are others beside it, or it names nothing.
    """
    named = [override.removeprefix("resume=") for override in overrides if override.startswith("resume=")]
    if named and len(overrides) > 1:
        others = " ".join(override for override in overrides if override != f"resume={named[0]}")
        raise UserError(f"resume={named[0]} goes on with the run's own configuration; leave out {others}.")
    if named and not named[0]:
        raise UserError("resume= names nothing; it takes the id of a run, or the folder of its output.")
    return named[0] if named else None


def explain(error: Exception, overrides: Sequence[Override]) -> str:
    """One sentence for what Hydra, or OmegaConf beneath it, did not take, by the override that it came with."""
    cause: Any = error.__cause__ or error  # Hydra says which override, OmegaConf beneath it what is wrong
    told = _first_line(error)
    guilty = next((each for each in overrides if told in _blames(each)), None)
    if guilty is None:
        options = str(error).partition("Available options in ")[2].partition("Config search path")[0].splitlines()[1:]
        known = ", ".join(each.strip() for each in options if each.strip())
        place = getattr(cause, "full_key", None)
        what = _first_line(cause).rpartition("raised while resolving interpolation: ")[2].strip('"')
        what = what.partition(": Value '")[0]  # of the environment, say, which is nobody's to see
        return f"{f'{place}: ' if place else ''}{what}{f'; there are {known}' if known else ''}."
    key, typed = guilty.key_or_group, guilty.input_line
    if cause is error:
        return f"{typed}: what was chosen has nothing there to replace; +{typed} adds it."
    if isinstance(cause, OmegaConfBaseException) and isinstance(cause, (AttributeError, KeyError)):
        place, _, name = (cause.full_key or key).rpartition(".")
        names = ", ".join(str(each) for each in cause.parent_node or () if not str(each).startswith("_")) or "nothing"
        open_hint = f"; +{typed} adds it" if "not in struct" in _first_line(cause) else ""
        return f"{typed}: there is no {name!r} in {place}, which has {names}{open_hint}."
    return f"{typed}: {_first_line(cause) if key.startswith('hydra.') else f'{key} must be {_needed(key)}'}."


def rename_batch(override: str) -> str:
    """The override with `batch_size` for `batch`, the short word that people type."""
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
            raise UserError(f"{typed} cannot be read as an override; one is KEY=VALUE, such as steps=50.") from error
    return parsed


def _groups(conf: Path) -> dict[str, list[str]]:
    """The configuration's groups, and the choices in them."""
    return {
        folder.name: sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.glob("**/*.yaml"))
        for folder in sorted(conf.iterdir())
        if folder.is_dir() and folder.name != "hydra"
    }


def _check_key(override: Override, groups: Mapping[str, list[str]]) -> None:
    key, typed = override.key_or_group, without_secrets(override.input_line or "")
    if key.split("/")[0] == "hydra" or key.startswith("hydra."):
        return
    if override.is_delete():
        if not _is_open(key):
            raise UserError(f"{typed}: no setting can be taken away; {key}=VALUE gives it another value.")
    elif key in groups:
        if override.is_add() and not override.package:
            raise UserError(f"{typed}: {key} is there already; leave out the +.")
        if override.package and not (key == "aug" and override.package.startswith(_PARTS)):
            raise UserError(f"{typed}: a choice of another place is aug@{_PARTS}NAME.aug alone.")
        if not override.is_sweep_override() and override.value() not in groups[key]:
            raise UserError(f"{typed}: there is no such choice; {key} is one of {', '.join(groups[key])}.")
    elif key not in (keys := _keys(OmegaConf.structured(Config))) and not _is_open(key):
        if new := RENAMED.get(key):
            opposite = ", with the opposite value" if key in INVERTED else ""
            raise UserError(f"{typed}: {key} is now called {new}{opposite}.")
        near = list(dict.fromkeys(difflib.get_close_matches(key, [*groups, *keys], n=3)))
        top = dict.fromkeys([*groups, *(each for each in keys if "." not in each)])
        hint = f"did you mean {' or '.join(near)}?" if near else f"the keys are {', '.join(top)} and those below them."
        raise UserError(f"{typed}: there is no key {key!r}; {hint}")


def _is_open(key: str) -> bool:
    """Whether it is below a place where names are the user's choice."""
    if key.startswith(_PARTS):
        setting = key.removeprefix(_PARTS).partition(".")[2]
        return not setting or setting in _keys(OmegaConf.structured(Part(aug=Aug())))
    return key.startswith(_COUNTS)


def _blames(override: Override) -> tuple[str, ...]:
    """How Hydra's messages of values that cannot be set begin."""
    place = f"{override.key_or_group}@{override.package}" if override.package else override.key_or_group
    return f"Error merging override {override.input_line}", f"Could not override '{place}'"


def _needed(key: str) -> str:
    """What a setting takes, in words, from its type in the schema."""
    kind: Any = Config
    for name in key.split("."):
        kind = get_type_hints(kind)[name] if dataclasses.is_dataclass(kind) else get_args(kind)[-1]  # of a dictionary
        kind = next(each for each in (*get_args(kind), kind) if each is not type(None)) if _is_optional(kind) else kind
    if dataclasses.is_dataclass(kind):
        return f"one of its settings, as in {key}.{dataclasses.fields(kind)[0].name}=VALUE"
    return _WORDS.get(get_origin(kind) or kind, f"a value for one of its names, as in {key}.NAME=VALUE")


def _is_optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _keys(node: DictConfig, prefix: str = "") -> list[str]:
    """Dotted names of all settings."""
    keys = []
    for key in map(str, node):
        keys.append(f"{prefix}{key}")
        if OmegaConf.is_dict(node._get_node(key)) and not OmegaConf.is_missing(node, key):
            keys += _keys(node[key], f"{prefix}{key}.")
    return keys


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
