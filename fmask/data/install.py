"""The photos of the published study, fetched and checked."""

import csv
import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from fmask.data.paths import ANNOTATIONS, is_inside
from fmask.utils.errors import UserError
from fmask.utils.files import atomic_write, sha256_of

BASE_URL = "https://raw.githubusercontent.com/dion797/VSE_CA1/7a3b9e668a49930a9871cf6ca99d06c2e8c9001a/SystemCode/datasets/fmask/"
"""Where the authors of the published study keep its photos and their outlines of train and val."""

MANIFEST = Path(__file__).with_name("manifest.csv")
"""Path, size in bytes and SHA-256 of every published file."""

TEST_ANNOTATIONS = Path(__file__).with_name("test_annotations.json")
"""Our outlines of the test photos, which were published without any."""


@dataclass(frozen=True)
class _Published:
    path: str
    bytes: int
    sha256: str

    def is_at(self, root: Path) -> bool:
        path = root / self.path
        return path.is_file() and path.stat().st_size == self.bytes and sha256_of(path) == self.sha256


def install(destination: Path, base_url: str = BASE_URL, manifest: Path = MANIFEST) -> None:
    """Fetch the published photos and annotations, then add our annotations of the test photos.

    Files that are there and right are kept, so that an interrupted installation goes on where it stopped; a file only
    gets its name once its digest is right.

    Raises:
        UserError: a file cannot be fetched or is not the published one; `base_url` is no web address; the manifest
            names a path outside `destination`; or an annotation file there has been edited since, which
            installing would undo.
    """
    destination = Path(destination)
    if not base_url.startswith(("http://", "https://")):
        raise UserError(f"--base-url is {base_url!r}; photos are fetched from http:// or https:// alone.")
    with manifest.open(encoding="utf-8", newline="") as lines:
        published = [_Published(row["path"], int(row["bytes"]), row["sha256"]) for row in csv.DictReader(lines)]
    for file in published:
        if not is_inside(file.path):
            raise UserError(f"{manifest} lists {file.path!r}, which leads out of {destination}; nothing was fetched.")
    missing = [file for file in published if not file.is_at(destination)]
    ours = destination / "test" / ANNOTATIONS
    edited = [destination / file.path for file in missing if file.path.endswith(".json")]
    if ours.exists() and sha256_of(ours) != sha256_of(TEST_ANNOTATIONS):
        edited.append(ours)
    for path in edited:
        if path.exists():
            raise UserError(f"{path} is not the published file; move it away first, for installing would replace it.")
    if missing:
        _fetch(missing, destination, base_url)
    if not ours.exists():
        ours.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(ours) as draft:
            draft.write_bytes(TEST_ANNOTATIONS.read_bytes())


def _fetch(files: list[_Published], destination: Path, base_url: str) -> None:
    import pooch  # type: ignore[import-untyped]
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    pooch.get_logger().setLevel(logging.WARNING)
    registry = {file.path: f"sha256:{file.sha256}" for file in files}
    source = pooch.create(destination, base_url.rstrip("/") + "/", registry=registry, retry_if_failed=1)
    for folder in {(destination / file.path).parent for file in files}:
        folder.mkdir(parents=True, exist_ok=True)  # pooch would too, but its threads trip over each other
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress, ThreadPoolExecutor(max_workers=8) as pool:
        task = progress.add_task("Photos", total=sum(file.bytes for file in files))
        fetching = {pool.submit(source.fetch, file.path): file for file in files}
        try:
            for fetched in as_completed(fetching):
                file = fetching[fetched]
                size = Path(fetched.result()).stat().st_size
                if size != file.bytes:
                    raise ValueError(f"{size} bytes")
                progress.advance(task, size)
        except ValueError as error:  # of a wrong digest, from pooch
            expected = f"{file.bytes} bytes with SHA-256 {file.sha256}"
            raise UserError(f"{source.get_url(file.path)} is not the published file; expected {expected}.") from error
        except OSError as error:  # of the network or the disk
            cause: BaseException = error
            while cause.__context__:  # the first of the chain says it in a few words: no such host, connection refused
                cause = cause.__context__
            raise UserError(f"{file.path} could not be installed from {base_url}: {cause}.") from error
        finally:
            pool.shutdown(cancel_futures=True)
