"""Download the photos of the published study, and check them against a manifest."""

import csv
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fmask.data.paths import ANNOTATIONS, is_inside
from fmask.utils.download_bar import download_bar
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write, first_reason, sha256_of

BASE_URL = "https://raw.githubusercontent.com/dion797/VSE_CA1/7a3b9e668a49930a9871cf6ca99d06c2e8c9001a/SystemCode/datasets/fmask/"
"""Address at which the authors of the study publish its photos and their annotations of train and val."""

MANIFEST = Path(__file__).with_name("manifest.csv")
"""CSV file with the path, size in bytes and SHA-256 of every published file."""

TEST_ANNOTATIONS = Path(__file__).with_name("test_annotations.json")
"""This project's annotations of the test photos, which were published without any."""


@dataclass(frozen=True)
class _Published:
    path: str
    bytes: int
    sha256: str

    def is_at(self, root: Path) -> bool:
        path = root / self.path
        return path.is_file() and path.stat().st_size == self.bytes and sha256_of(path) == self.sha256


def install(destination: Path, base_url: str = BASE_URL, manifest: Path = MANIFEST) -> None:
    """Download the published photos and annotations, and add this project's annotations of the test photos.

    Files that are already correct are kept, so an interrupted installation resumes where it stopped. A file gets its
    final name only after its digest has been checked. The annotations come last, so that a half-installed folder is not
    mistaken for a data set. A failed installation removes the files and folders that it has created.

    Args:
        destination: folder for train/, val/ and test/.
        base_url: http or https address that the manifest's paths are relative to.
        manifest: CSV file with the columns path, bytes and sha256.

    Raises:
        UserError: a file cannot be downloaded or differs from the published one; `base_url` is not an http or https
            address; the manifest lists a path outside `destination`; or an annotation file in `destination` has been
            edited and would be overwritten.
    """
    destination = Path(destination)
    if not base_url.startswith(("http://", "https://")):
        raise UserError(f"--base-url must begin with http:// or https://, not {base_url!r}.")
    with manifest.open(encoding="utf-8", newline="") as lines:
        published = [_Published(row["path"], int(row["bytes"]), row["sha256"]) for row in csv.DictReader(lines)]
    for file in published:
        if not is_inside(file.path):
            raise UserError(f"{manifest} lists {file.path!r}, which leads out of {destination}; nothing was changed.")
    missing = [file for file in published if not file.is_at(destination)]
    test_annotations = destination / "test" / ANNOTATIONS
    edited = [destination / file.path for file in missing if file.path.endswith(".json")]
    if test_annotations.exists() and sha256_of(test_annotations) != sha256_of(TEST_ANNOTATIONS):
        edited.append(test_annotations)
    for path in edited:
        if path.exists():
            raise UserError(
                f"{path} is not the published file; move it elsewhere, because installing would replace it."
            )
    new = [file for file in missing if not (destination / file.path).exists()]
    with _undo_on_failure([destination / file.path for file in new]):
        for is_annotation, description in ((False, "Photos"), (True, "Annotations")):
            if files := [file for file in missing if file.path.endswith(".json") == is_annotation]:
                _fetch(files, destination, base_url, description)
        if not test_annotations.exists():
            test_annotations.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(test_annotations) as draft:
                draft.write_bytes(TEST_ANNOTATIONS.read_bytes())


@contextmanager
def _undo_on_failure(new_files: list[Path]) -> Iterator[None]:
    """Remove the new files after an error, and always remove their new folders that are empty.

    After an interruption, such as Ctrl-C, the files are kept, so that the next installation resumes.
    """
    new_folders = {folder for file in new_files for folder in file.parents if not folder.exists()}
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception):
            for file in new_files:
                file.unlink(missing_ok=True)
        for folder in sorted(new_folders, key=lambda folder: len(folder.parts), reverse=True):
            with suppress(OSError):  # missing, or not empty
                folder.rmdir()
        raise


def _fetch(files: list[_Published], destination: Path, base_url: str, description: str) -> None:
    import pooch

    pooch.get_logger().setLevel(logging.WARNING)
    registry = {file.path: f"sha256:{file.sha256}" for file in files}
    source = pooch.create(destination, base_url.rstrip("/") + "/", registry=registry, retry_if_failed=1)
    for folder in {(destination / file.path).parent for file in files}:
        folder.mkdir(parents=True, exist_ok=True)  # pooch creates folders too, but not safely from several threads
    with download_bar() as progress, ThreadPoolExecutor(max_workers=8) as pool:
        task = progress.add_task(description, total=sum(file.bytes for file in files))
        fetching = {pool.submit(source.fetch, file.path): file for file in files}
        try:
            for fetched in as_completed(fetching):
                file = fetching[fetched]
                size = Path(fetched.result()).stat().st_size
                if size != file.bytes:
                    raise ValueError(f"{size} bytes")
                progress.advance(task, size)
        except ValueError as error:  # a wrong size, or a wrong digest reported by pooch
            expected = f"{file.bytes} bytes with SHA-256 {file.sha256}"
            raise UserError(f"{source.get_url(file.path)} is not the published file; expected {expected}.") from error
        except OSError as error:  # from the network or the disk
            raise UserError(f"{file.path} could not be installed from {base_url}: {first_reason(error)}.") from error
        finally:
            pool.shutdown(cancel_futures=True)
