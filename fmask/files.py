"""Files that are whole or not there."""

from pathlib import Path

from fmask.errors import UserError


def write_text(text: str, file: Path) -> None:
    """Write a whole file or none.

    Raises:
        UserError: it cannot be written.
    """
    draft = file.with_name(f"{file.name}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error
