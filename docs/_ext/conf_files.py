"""What the files of `conf/` say, for the reference pages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fmask.config.compose import conf_folder

GLOBAL = "# @package _global_"
BY_DATA = re.compile(r"\$\{by_data:(\w+),([^,}]+),([^,}]+)\}")


def presets() -> dict[str, dict[str, str]]:
    """Return the values that choices set outside of their own group, by choice, such as `recipe=report`, and key.

    A choice also sets what the files in its `defaults` set. Experiments are left out: what they set is shorter to read
    in their files.
    """
    found = {}
    for group, names in choices().items():
        for name in names if group != "experiment" else ():
            if (conf_folder() / group / f"{name}.yaml").read_text(encoding="utf-8").startswith(GLOBAL):
                values = _values(group, name)
                found[f"{group}={name}"] = {key: value for key, value in values.items() if key != group}
    return found


def _values(group: str, name: str) -> dict[str, str]:
    """Return the values that a file and those that it inherits from set, by key, as text."""
    text = (conf_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    values: dict[str, str] = {}
    for parent in content.pop("defaults", []):
        values |= _values(group, parent) if parent != "_self_" else {}
    for key, value in _leaves(content):
        before, _, rest = key.rpartition(".")
        key = before if rest == "name" and before in choices() else key
        values[key] = _in_words(value, text)
    return values


def _in_words(value: Any, text: str) -> str:
    """Return a value of a file; a computed one is described by its arguments, or by the comment beside it."""
    if by_data := BY_DATA.fullmatch(str(value)):
        return f"`{by_data[2]}` for `data={by_data[1]}`, else `{by_data[3]}`"
    comment = re.search(rf"{re.escape(str(value))}[ \t]+#[ \t]*(.+)", text) if "${" in str(value) else None
    return comment[1].strip() if comment else f"`{plain(value)}`"


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and key != "counts":
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def choices() -> dict[str, list[str]]:
    """Return the groups of `conf/` with their choices."""
    return {
        folder.name: sorted(file.relative_to(folder).with_suffix("").as_posix() for file in folder.glob("**/*.yaml"))
        for folder in sorted(conf_folder().iterdir())
        if folder.is_dir() and folder.name != "hydra"
    }


def default_choice(group: str) -> str:
    """Return the default of a group in words: a name, or the comment beside it in `conf/train.yaml`."""
    line = re.search(rf"- {group}: (\S+)(?:[ \t]+# (.+))?", (conf_folder() / "train.yaml").read_text(encoding="utf-8"))
    assert line, group
    return line[2] or f"`{line[1]}`"


def plain(value: Any) -> str:
    """Return a value as it stands in YAML, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=1000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def listed(names: Sequence[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def as_block(file: Path, title: str) -> str:
    """Return the content of a file as a block of YAML below a title."""
    text = file.read_text(encoding="utf-8").removeprefix(f"{GLOBAL}\n").rstrip()
    return f"**`{title}`**\n\n```yaml\n{text}\n```\n"
