"""The user's own configuration files, in the folder `conf` of the working directory."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fmask.data.config import ReadOptions
from fmask.utils.errors import UserError
from fmask.utils.files import write_text

USER_CONF = Path("conf")
"""The folder, relative to the working directory. In a source checkout, it is that of the program's own files too."""


def group_folders(conf: Path) -> list[Path]:
    """Return the folders with groups of configuration files: that of the program, and the user's if it exists.

    Args:
        conf: the folder of the program.
    """
    own = USER_CONF.is_dir() and USER_CONF.resolve() != conf.resolve()
    return [conf, *([USER_CONF] if own else [])]


def register_user_conf() -> None:
    """Let Hydra find the user's files. Of two files with the same name, the program's is used."""
    from hydra.core.plugins import Plugins

    Plugins.instance().register(_plugin())


@cache
def _plugin() -> type[Any]:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.plugins.search_path_plugin import SearchPathPlugin

    class UserConf(SearchPathPlugin):
        def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
            if USER_CONF.is_dir():
                search_path.append("fmask-user", f"file://{USER_CONF.resolve()}")

    return UserConf


def data_group_file(conf: Path, name: str, overwrite: bool) -> Path:
    """Return the file of a new choice of the group `data`, after a check that it can be written.

    Args:
        conf: the folder of the program's configuration files.
        name: the name of the choice.
        overwrite: whether a file of the user may be replaced.

    Raises:
        UserError: the name is not allowed or is that of the program's data, or the file exists.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise UserError(f"{name!r} cannot be chosen by data=NAME; use --name with letters, digits, _ and -.")
    if name in ("photos", "rendered"):
        raise UserError(f"data={name} belongs to fmask; choose another name with --name.")
    file = USER_CONF / "data" / f"{name}.yaml"
    if file.exists() and not overwrite:
        raise UserError(f"{file} already exists; --overwrite replaces it, and --name chooses another name.")
    return file


def write_data_group(
    file: Path, root: Path, options: ReadOptions, classes: tuple[str, ...], boxes: bool, notes: list[str]
) -> None:
    """Write the settings of a data set, so that `data=NAME` trains on it.

    Args:
        file: the result of `data_group_file`.
        root: the folder of the data set.
        options: how its annotations are read.
        classes: its class names.
        boxes: whether to train on objects without an outline, too.
        notes: lines of the comment at the beginning.

    Raises:
        UserError: the file cannot be written.
    """
    settings: dict[str, Any] = {"name": file.stem, "root": str(root.resolve()), "classes": list(classes)}
    settings |= {"attribute": options.attribute} if options.attribute else {}
    settings |= {"map": dict(options.map)} if options.map else {}
    settings |= {"empty_photos": options.empty_photos} if options.empty_photos != "leave_out" else {}
    settings |= {"boxes": True} if boxes else {}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {file.parent} cannot be created: {error.strerror}.") from error
    comment = "".join(f"# {note}\n" for note in notes)
    write_text(comment + yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, default_flow_style=None), file)
