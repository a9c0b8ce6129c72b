"""Files that are whole or not there, and known by what is in them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fmask.utils.errors import UserError


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Where to write what `file` is to hold: a draft beside it, which takes its place once all is written.

    Raises:
        UserError: it cannot be written; nothing is left behind then, and what was there before stays.
    """
    draft = file.with_name(f".{file.name}.part")
    try:
        yield draft
        draft.replace(file)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {os_reason(error)}.") from error
    finally:
        with suppress(OSError):
            draft.unlink()


def write_text(text: str, file: Path) -> None:
    """Write a whole file or none.

    Raises:
        UserError: it cannot be written.
    """
    with atomic_write(file) as draft:
        draft.write_text(text, encoding="utf-8")


def sha256_of(file: Path) -> str:
    """The SHA-256 of what is in a file, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def os_reason(error: Exception) -> str:
    """Why a file cannot be read or written: the operating system's words, which h5py has among its own."""
    text = str(error)
    system = text.partition("error message = '")[2].partition("'")[0]
    lines = text.splitlines() or [type(error).__name__]
    return system or (isinstance(error, OSError) and error.strerror) or lines[0].rstrip(".")
