"""Atomic file writes and content hashes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fmask.utils.errors import UserError


@contextmanager
def atomic_write(file: Path) -> Iterator[Path]:
    """Yield the path of a draft beside `file`, and move the draft to `file` at the end of the block.

    Raises:
        UserError: the file cannot be written; then the draft is removed, and an existing file stays unchanged.
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


def check_folder(file: Path) -> None:
    """Check that the folder of an output file exists, before the work that the file is for.

    Raises:
        UserError: the folder does not exist.
    """
    if not file.parent.is_dir():
        raise UserError(f"{file} cannot be written: the folder {file.parent} does not exist.")


def write_text(text: str, file: Path) -> None:
    """Write a text file atomically.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_write(file) as draft:
        draft.write_text(text, encoding="utf-8")


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def first_reason(error: BaseException) -> str:
    """Return why a download failed: the first error of the chain is the shortest, such as `Connection refused`."""
    while error.__context__:
        error = error.__context__
    return (isinstance(error, OSError) and error.strerror) or str(error).rstrip(".") or type(error).__name__


def os_reason(error: Exception) -> str:
    """Return why a file cannot be read or written: the message of the operating system, which h5py embeds in its own.

    Other errors are shortened to the first line of their message.
    """
    text = str(error)
    system = text.partition("error message = '")[2].partition("'")[0]
    lines = text.splitlines() or [type(error).__name__]
    return system or (isinstance(error, OSError) and error.strerror) or lines[0].rstrip(".")
