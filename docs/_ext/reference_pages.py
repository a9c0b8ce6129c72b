"""Reference pages that are written from the code at each build: settings, their choices, and commands.

They go to `docs/_generated`, from where the pages in `docs/reference` include them.
"""

import inspect
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from sphinx.application import Sphinx

import fmask
from docs._ext.conf_files import as_block, choices
from docs._ext.setting_pages import clean, plan_file_page, settings_page, sweep_settings_page
from fmask.cli import app as commands
from fmask.config.compose import conf_folder
from fmask.utils.renamed_settings import INVERTED, RENAMED

TYPES = {"str": "TEXT", "path": "PATH", "float": "NUMBER", "int": "INTEGER", "int range": "INTEGER"}
"""What commands call the types of their options, in words."""


def write_pages(app: Sphinx) -> None:
    """Write all generated pages."""
    folder = Path(app.srcdir, "_generated")
    folder.mkdir(exist_ok=True)
    for name, text in {
        "settings.md": settings_page(),
        "sweep-settings.md": sweep_settings_page(),
        "choices.md": choices_page(),
        "plan-file.md": plan_file_page(),
        "renamed.md": renamed_page(),
        "commands.md": commands_page(),
        "public-names.md": public_names_page(),
    }.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # a new time stamp would rebuild its page
            file.write_text(text, encoding="utf-8")


def choices_page() -> str:
    """Return the page of the files in `conf/`, each with what it says."""
    conf = conf_folder()
    lines: list[str] = []
    for group, names in {**choices(), "hydra/launcher": ["slurm", "ray_cluster"]}.items():
        lines += [f"## `{group}`", ""]
        for name in names:
            lines += [as_block(conf / group / f"{name}.yaml", f"{group}={name}")]
    lines += ["## Where a run and a sweep start", ""]
    lines += [as_block(conf / f"{name}.yaml", f"conf/{name}.yaml") for name in ("train", "sweep")]
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
    overrides = command.context_settings.get("allow_extra_args")  # what Hydra parses
    usage = " ".join([name, "[KEY=VALUE]..." if overrides else _usage(command.collect_usage_pieces(context))])
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
                shown = _option(term) if kind == "option" else term.split(" <")[0].strip().upper()
                yield from (f"`{shown}`", f": {_escaped(clean(text))}", "")
    for child in children:
        found = command.get_command(context, child)
        yield from _command(found, f"{name} {child}", typer.Context(found, context, info_name=child))


def _usage(pieces: Sequence[str]) -> str:
    """Return the arguments in capitals, without the braces around those that are required."""
    return " ".join(piece if piece == "[OPTIONS]" else re.sub(r"[{}]", "", piece).upper() for piece in pieces)


def _option(term: str) -> str:
    """Return an option with its type in words."""
    return re.sub(r"<(?:list\[)?(.+?)]?>", lambda kind: TYPES.get(kind[1].lower(), kind[1]), " ".join(term.split()))


def _escaped(text: str) -> str:
    """Return the text with the characters that would start Markdown escaped, outside of code."""
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<_\[\]])", r"\\\1", part) for part in parts)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for sources."""
    app.connect("builder-inited", write_pages)
    return {"version": fmask.__version__, "parallel_read_safe": True}
