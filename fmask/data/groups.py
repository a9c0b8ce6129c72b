"""Groups of photos that belong together, such as those of one person, site or film: a CSV file of the user."""

import csv
from pathlib import Path

from fmask.data.paths import is_inside
from fmask.utils.errors import UserError, printable
from fmask.utils.files import os_reason

COLUMNS = ("photo", "group")
"""The columns of the file."""


def read_groups(file: str | None, root: Path) -> dict[Path, str]:
    """Return the group of each photo that a file lists, by the photo's path; empty without a file.

    Args:
        file: a CSV file with the columns `photo`, a path below `root`, and `group`, any text; None for no file. Its
            path may be relative to `root`.
        root: the folder of the data set.

    Raises:
        UserError: the file cannot be read, lacks a column or a value, lists a path that is not that of a file below
            `root`, or lists a photo in two groups.
    """
    if file is None:
        return {}
    path = root / file if (root / file).is_file() else Path(file)
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.DictReader(opened)
            header = [name.strip() for name in rows.fieldnames or ()]
            rows.fieldnames = header
            lines = [(rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = os_reason(error) if isinstance(error, OSError) else "it is not a CSV file in UTF-8"
        raise UserError(f"data.groups={file} cannot be read: {reason}.") from error
    if missing := [name for name in COLUMNS if name not in header]:
        raise UserError(
            f"{path} must have the columns {' and '.join(COLUMNS)}; {' and '.join(missing)} is missing, it has "
            f"{', '.join(map(printable, header)) or 'none'}."
        )
    groups: dict[Path, str] = {}
    for line, row in lines:
        name, group = ((row[column] or "").strip() for column in COLUMNS)
        photo = root / name
        if not name or not group:
            raise UserError(f"{path}, line {line}: `{'group' if name else 'photo'}` is empty.")
        if not is_inside(name) or not photo.is_file():  # photos are compared by paths that begin with that of `root`
            raise UserError(f"{path}, line {line}: {printable(name)} is not a file below {root}.")
        if groups.setdefault(photo, group) != group:
            raise UserError(f"{path}, line {line}: {printable(name)} is in two groups, {groups[photo]} and {group}.")
    return groups
