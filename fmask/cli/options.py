"""What several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from fmask.utils.errors import UserError

Categories = Annotated[
    list[str] | None,
    typer.Option(help='What a COCO category is here: "hard hat=hat"; "person=" leaves it out. May be repeated.'),
]
"""The option `--category`, which `read_categories` reads."""


def read_categories(given: list[str]) -> dict[str, str]:
    """What `--category NAME=CLASS` says, once or more: a COCO category to a class, or to "" to leave it out.

    Raises:
        UserError: one of them is not of that form, or names no class of ours.
    """
    from fmask.structures.detections import CLASS_NAMES

    categories = {}
    for each in given:
        name, equals, label = each.rpartition("=")
        if not equals or not name or label not in (*CLASS_NAMES, ""):
            known = ", ".join(CLASS_NAMES)
            raise UserError(f"--category {each!r}: expected NAME=CLASS with one of {known}, or NAME= to leave it out.")
        categories[name] = label
    return categories


def check_target(file: Path, overwrite: bool) -> None:
    """Refuse, before any work, a file to write that is there already or cannot be.

    Raises:
        UserError: it exists and `overwrite` is not set, or its folder is missing.
    """
    if file.is_dir() or not file.parent.is_dir():
        raise UserError(f"{file} is {'a folder' if file.is_dir() else 'in no folder that is there'}; expected a file.")
    if file.exists() and not overwrite:
        raise UserError(f"{file} is there already; --overwrite replaces it.")
