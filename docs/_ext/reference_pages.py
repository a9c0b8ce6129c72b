"""Reference pages that are written from the code at each build: settings, their choices, and commands.

They go to `docs/_generated`, from where the pages in `docs/reference` include them.
"""

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
import yaml
from omegaconf import MISSING
from sphinx.application import Sphinx

import fmask
from fmask.cli import app as commands
from fmask.config.compose import conf_folder
from fmask.config.schema import Config, Part
from fmask.model.config import ModelConfig
from fmask.sweeping import plugins
from fmask.utils.renamed_settings import INVERTED, RENAMED

KINDS = {int: "integer", float: "number", bool: "true or false", str: "text"}
GLOBAL = "# @package _global_"


def write_pages(app: Sphinx) -> None:
    """Write all generated pages."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    for name, text in {
        "settings.md": settings_page(),
        "sweep-settings.md": sweep_settings_page(),
        "choices.md": choices_page(),
        "renamed.md": renamed_page(),
        "commands.md": commands_page(),
        "public-names.md": public_names_page(),
    }.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # a new time stamp would rebuild its page
            file.write_text(text, encoding="utf-8")


def settings_page() -> str:
    """Return the page of all settings of a run, read from the dataclasses that check them."""
    presets = {name: _preset_values(name, file) for name, file in _presets()}
    groups = _groups()
    docs, types = _field_docs(Config), get_type_hints(Config)
    network = {field.name for field in dataclasses.fields(ModelConfig)}
    fields = dataclasses.fields(Config)

    def is_group(field: dataclasses.Field) -> bool:
        return dataclasses.is_dataclass(types[field.name])

    def entry(key: str, field: dataclasses.Field, kind: Any, text: str) -> str:
        values = {preset: of[key] for preset, of in presets.items() if key in of}
        return _setting(key, _kind(kind, field.metadata), _default(field), text, values)

    lines = ["## Choices", "", "A choice is the name of a file in `conf/`. One choice sets several settings.", ""]
    for field in fields:
        if field.name in groups:
            values = {preset: of[field.name] for preset, of in presets.items() if field.name in of}
            kind = f"one of {_listed(groups[field.name])}"
            lines += [_setting(field.name, kind, _default_choice(field.name), docs[field.name], values)]
    lines += ["## Training", "", "Settings of the run as a whole.", ""]
    own = [field for field in fields if field.name not in network]
    lines += [
        entry(field.name, field, types[field.name], docs[field.name])
        for field in own
        if not is_group(field) and field.name not in groups
    ]
    for field in [each for each in own if is_group(each)]:
        lines += _section(field.name, types[field.name], groups, entry)
    lines += ["## Network", "", _clean(ModelConfig.__doc__), ""]
    rest = [field for field in fields if field.name in network]
    lines += [entry(field.name, field, types[field.name], docs[field.name]) for field in rest if not is_group(field)]
    for field in [each for each in rest if is_group(each)]:
        lines += _section(field.name, types[field.name], groups, entry)
    return "\n".join(lines)


def _section(prefix: str, cls: type, groups: Mapping[str, Sequence[str]], entry: Any) -> list[str]:
    docs, types = _field_docs(cls), get_type_hints(cls)
    shown = [field for field in dataclasses.fields(cls) if not (prefix in groups and field.name == "name")]
    if not shown:
        return []
    lines = [f"## `{prefix}.*`", "", _clean(cls.__doc__), ""]
    for field in shown:
        lines.append(entry(f"{prefix}.{field.name}", field, types[field.name], docs.get(field.name, "")))
    if prefix == "schedule":
        lines += ["A part has these settings, such as `schedule.parts.two.lr`:", ""]
        part_docs, part_types = _field_docs(Part), get_type_hints(Part)
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
        docs, types = _field_docs(cls), get_type_hints(cls)
        choice = _clean(cls.__doc__).rstrip(".")
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
                    indexed=not (cls is plugins.GridConf and field.name in _field_docs(plugins.SearchConf)),
                )
                lines.append(text)
    return "\n".join(lines)


def choices_page() -> str:
    """Return the page of the files in `conf/`, each with what it says."""
    conf = conf_folder()
    lines: list[str] = []
    for group, names in {**_groups(), "hydra/launcher": ["slurm", "ray_cluster"]}.items():
        lines += [f"## `{group}`", ""]
        for name in names:
            lines += [_file(conf / group / f"{name}.yaml", f"{group}={name}")]
    lines += ["## Where a run and a sweep start", ""]
    lines += [_file(conf / f"{name}.yaml", f"conf/{name}.yaml") for name in ("train", "sweep")]
    return "\n".join(lines)


def renamed_page() -> str:
    """Return a table of the settings that were renamed."""
    lines = ["| Before | Now |", "| --- | --- |"]
    for old, new in RENAMED.items():
        lines.append(f"| `{old}` | `{new}`{', with the opposite value' if old in INVERTED else ''} |")
    return "\n".join(lines) + "\n"


def public_names_page() -> str:
    """Return the page of the names that the package offers, for autodoc to fill in."""
    found: dict[str, list[str]] = {"function": [], "class": [], "exception": []}
    for name in fmask.__all__:
        value = getattr(fmask, name)
        if isinstance(value, type):
            found["exception" if issubclass(value, Exception) else "class"].append(name)
        elif callable(value):
            found["function"].append(name)
    lines: list[str] = []
    for kind, names in found.items():
        lines += [f"## {kind.capitalize()}{'e' if kind == 'class' else ''}s", "", "```{eval-rst}"]
        lines += [f".. auto{kind}:: fmask.{name}\n" for name in names]
        lines += ["```", ""]
    return "\n".join(lines)


def commands_page() -> str:
    """Return the page of all commands, from the help that they print."""
    root = typer.main.get_command(commands)
    return "\n".join(_command(root, "fmask", typer.Context(root, info_name="fmask")))


def _command(command: Any, name: str, context: Any) -> Iterator[str]:
    """Yield the lines of a command's section, and of those of its subcommands."""
    children = command.list_commands(context) if hasattr(command, "list_commands") else []
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield from (f"## `{name}`", "", "```text", usage, "```", "", inspect.cleandoc(command.help or ""), "")
    records: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record and (param.name != "help" or name == "fmask"):  # every command has --help
            records[param.param_type_name].append(record)
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        if records[kind]:
            yield from (f"**{title}**", "")
            for term, text in records[kind]:
                yield from (f"`{' '.join(term.split())}`", f": {_escaped(_clean(text))}", "")
    for child in children:
        found = command.get_command(context, child)
        yield from _command(found, f"{name} {child}", typer.Context(found, context, info_name=child))


def _presets() -> Iterator[tuple[str, Path]]:
    """Yield the choices that set keys outside of their own group, such as `recipe=report`, with their files.

    Experiments are left out: what they set is shorter to read in their files.
    """
    for group, names in _groups().items():
        for name in names if group != "experiment" else ():
            file = conf_folder() / group / f"{name}.yaml"
            if file.read_text(encoding="utf-8").startswith(GLOBAL):
                yield f"{group}={name}", file


def _preset_values(preset: str, file: Path) -> dict[str, str]:
    """Return the values that a preset sets, by key, as text."""
    text = file.read_text(encoding="utf-8")
    values: dict[str, str] = {}
    for key, value in _leaves(yaml.safe_load(text)):
        group, _, rest = key.rpartition(".")
        key = group if rest == "name" and group in _groups() else key
        if preset != f"{key}={value}":  # a choice names itself
            comment = re.search(rf"{re.escape(str(value))}[ \t]+#[ \t]*(.+)", text) if "${" in str(value) else None
            values[key] = comment[1].strip() if comment else f"`{_plain(value)}`"
    return values


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and key != "counts":
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _groups() -> dict[str, list[str]]:
    """Return the groups of `conf/` with their choices."""
    return {
        folder.name: sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.glob("**/*.yaml"))
        for folder in sorted(conf_folder().iterdir())
        if folder.is_dir() and folder.name != "hydra"
    }


def _default_choice(group: str) -> str:
    """Return the default of a group in words: a name, or the comment beside it in `conf/train.yaml`."""
    line = re.search(rf"- {group}: (\S+)(?:[ \t]+# (.+))?", (conf_folder() / "train.yaml").read_text(encoding="utf-8"))
    assert line, group
    return line[2] or f"`{line[1]}`"


def _field_docs(cls: type) -> dict[str, str]:
    """Return the strings that follow the fields of a dataclass and of those that it inherits from.

    One string after two fields in a row is about both.
    """
    docs: dict[str, str] = {}
    for owner in reversed(cls.__mro__[:-1]):
        tree = ast.parse(inspect.getsource(sys.modules[owner.__module__]))
        (node,) = (each for each in tree.body if isinstance(each, ast.ClassDef) and each.name == owner.__name__)
        waiting: list[str] = []
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                waiting.append(statement.target.id)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                docs |= dict.fromkeys(waiting, _clean(str(statement.value.value)))
                waiting = []
    return docs


def _setting(key: str, kind: str, default: str, text: str, values: Mapping[str, str], indexed: bool = True) -> str:
    options = [] if indexed else [":no-index:"]
    about = f"*{kind}; default: {default}*"
    lines = [f"```{{confval}} {key}", *options, "", about, "", text, ""]
    if values:
        lines += ["Set by " + ", ".join(f"`{preset}` ({value})" for preset, value in values.items()) + ".", ""]
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
        return f"`{_plain(value)}`" if value or value in ([], {}) else "none"
    if field.default == MISSING:
        return "set by the recipe"
    return f"`{_plain(field.default)}`"


def _plain(value: Any) -> str:
    """Return a value as it stands in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _file(file: Path, title: str) -> str:
    text = file.read_text(encoding="utf-8").removeprefix(f"{GLOBAL}\n").rstrip()
    return f"**`{title}`**\n\n```yaml\n{text}\n```\n"


def _clean(text: str | None) -> str:
    return " ".join((text or "").split())


def _escaped(text: str) -> str:
    """Return the text with the characters that would start Markdown escaped, outside of code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<_\[\]])", r"\\\1", part) for part in parts)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    return {"version": fmask.__version__, "parallel_read_safe": True}
