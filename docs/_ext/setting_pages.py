"""The pages of the settings of runs and sweeps, read from the dataclasses that check them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

from omegaconf import MISSING

from docs._ext.conf_files import choices, default_choice, listed, plain, presets
from fmask.config.schema import Config, Part
from fmask.model.config import ModelConfig
from fmask.studies.plans.file import PlanFile
from fmask.sweeping import plugins
from fmask.utils.settings import field_docs

KINDS = {int: "integer", float: "number", bool: "true or false", str: "text"}


def settings_page() -> str:
    """Return the page of all settings of a run, read from the dataclasses that check them."""
    groups = choices()
    set_by = presets()
    docs, types = field_docs(Config), get_type_hints(Config)
    network = {field.name for field in dataclasses.fields(ModelConfig)}
    fields = dataclasses.fields(Config)

    def is_group(field: dataclasses.Field) -> bool:
        return dataclasses.is_dataclass(types[field.name])

    def entry(key: str, field: dataclasses.Field, kind: Any, text: str) -> str:
        values = {preset: of[key] for preset, of in set_by.items() if key in of}
        return _setting(key, _kind(kind, field.metadata), _default(field), text, values)

    lines = ["## Choices", "", "A choice is the name of a file in `conf/`. One choice sets several settings.", ""]
    for field in fields:
        if field.name in groups:
            values = {preset: of[field.name] for preset, of in set_by.items() if field.name in of}
            kind = f"one of {listed(groups[field.name])}"
            lines += [_setting(field.name, kind, default_choice(field.name), docs[field.name], values)]
    lines += ["## Training", "", "Settings of the run as a whole.", ""]
    own = [field for field in fields if field.name not in network]
    lines += [
        entry(field.name, field, types[field.name], docs[field.name])
        for field in own
        if not is_group(field) and field.name not in groups
    ]
    for field in [each for each in own if is_group(each)]:
        lines += _section(field.name, types[field.name], groups, entry)
    lines += ["## Network", "", clean(ModelConfig.__doc__), ""]
    rest = [field for field in fields if field.name in network]
    lines += [entry(field.name, field, types[field.name], docs[field.name]) for field in rest if not is_group(field)]
    for field in [each for each in rest if is_group(each)]:
        lines += _section(field.name, types[field.name], groups, entry)
    return "\n".join(lines)


def _section(prefix: str, cls: type, groups: Mapping[str, Sequence[str]], entry: Any) -> list[str]:
    docs, types = field_docs(cls), get_type_hints(cls)
    shown = [field for field in dataclasses.fields(cls) if not (prefix in groups and field.name == "name")]
    if not shown:
        return []
    lines = [f"## `{prefix}.*`", "", clean(cls.__doc__), ""]
    for field in shown:
        lines.append(entry(f"{prefix}.{field.name}", field, types[field.name], docs.get(field.name, "")))
    if prefix == "schedule":
        lines += ["A part has these settings, such as `schedule.parts.two.lr`:", ""]
        part_docs, part_types = field_docs(Part), get_type_hints(Part)
        for field in dataclasses.fields(Part):
            key = f"schedule.parts.NAME.{field.name}"
            kind = "a choice of `aug`" if field.name == "aug" else _kind(part_types[field.name], {})
            lines.append(_setting(key, kind, "that of the run", part_docs[field.name], {}))
    return lines


def sweep_settings_page() -> str:
    """Return the page of the settings of sweepers and launchers."""
    lines: list[str] = []
    for cls, prefix in (
        (plugins.GridConf, "hydra.sweeper"),
        (plugins.SearchConf, "hydra.sweeper"),
        (plugins.LocalConf, "hydra.launcher"),
    ):
        docs, types = field_docs(cls), get_type_hints(cls)
        choice = clean(cls.__doc__).rstrip(".")
        lines += [f"## `{choice}`", ""]
        for field in dataclasses.fields(cls):
            if not field.name.startswith("_"):
                text = _setting(
                    f"{prefix}.{field.name}",
                    _kind(types[field.name], field.metadata),
                    _default(field),
                    docs[field.name],
                    {},
                    # The two sweepers share names, of which only one can be a target.
                    indexed=not (cls is plugins.GridConf and field.name in field_docs(plugins.SearchConf)),
                )
                lines.append(text)
    return "\n".join(lines)


def plan_file_page() -> str:
    """Return the page of the keys of a plan's file."""
    docs, types = field_docs(PlanFile), get_type_hints(PlanFile)
    lines = []
    for field in dataclasses.fields(PlanFile):
        required = field.default is dataclasses.MISSING
        about = (
            "required" if required else f"default: {f'`{plain(field.default)}`' if field.default != '' else 'empty'}"
        )
        lines += [f"`{field.name}`", f": *{_kind(types[field.name], field.metadata)}; {about}.* {docs[field.name]}", ""]
    return "\n".join(lines)


def _setting(key: str, kind: str, default: str, text: str, values: Mapping[str, str], indexed: bool = True) -> str:
    options = [] if indexed else [":no-index:"]
    about = f"*{kind}; default: {default}*"
    lines = [f"```{{confval}} {key}", *options, "", about, "", text, ""]
    alike = {value: [preset for preset, of in values.items() if of == value] for value in values.values()}
    if alike:
        lines += ["Set by " + "; ".join(f"{listed(names)} ({value})" for value, names in alike.items()) + ".", ""]
    return "\n".join([*lines, "```", ""])


def _kind(kind: Any, metadata: Mapping[str, Any]) -> str:
    """Return what a setting takes, in words."""
    kinds = [each for each in get_args(kind) if each is not type(None)]
    optional = type(None) in get_args(kind)
    inner = kinds[0] if optional else kind
    if "choices" in metadata:
        return " or ".join(f"`{choice}`" for choice in metadata["choices"])
    if dataclasses.is_dataclass(inner):
        words = "a group of settings"
    elif inner in KINDS:
        words = KINDS[inner]
    else:
        words = "list" if "list" in str(inner) else "mapping"
        if words == "list" and get_args(inner)[0] in KINDS:
            words = f"list of {KINDS[get_args(inner)[0]]}s"
    if "low" in metadata:
        words += f", {metadata['low']:,.10g} to {metadata['high']:,.10g}"
    if "multiple" in metadata:
        words += f", a multiple of {metadata['multiple']}"
    return words + (" or null" if optional else "")


def _default(field: dataclasses.Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        return f"`{plain(value)}`" if value or value in ([], {}) else "none"
    if field.default == MISSING:
        return "set by the recipe"
    return f"`{plain(field.default)}`"


def clean(text: str | None) -> str:
    return " ".join((text or "").split())
