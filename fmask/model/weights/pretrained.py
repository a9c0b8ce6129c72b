"""What training starts from: the choices of `weights=`, found before anything heavy is loaded, and installed.

none        random weights
coco        matterport's Mask R-CNN trained on COCO, by `fmask install coco`
imagenet    a backbone trained on ImageNet, of keras.applications, by `fmask install imagenet`
PATH        a weight file: one of a run of ours (best.h5, last.h5), or one in matterport's layout
runs:/ID    the weights of an MLflow run at its end
"""

import os
from pathlib import Path

from fmask.utils.errors import UserError
from fmask.utils.files import sha256_of

COCO_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_BYTES = 257_557_808
COCO_SHA256 = "ee7eeb918fe544c8bc1fd0f1f9588bf9f8e0e1055a4d12a98f83fa83c5f8b36d"
IMAGENET_BACKBONES = ("resnet50", "resnet101")
BLOCK = 1 << 16
"""Bytes written at a time."""
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
RUN = "runs:/"


def coco_file() -> Path:
    """Where the COCO weights are kept."""
    return Path("data", "mask_rcnn_coco.h5")


def imagenet_file(backbone: str) -> Path:
    """Where Keras keeps the ImageNet weights of a backbone."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home / "models" / f"{backbone}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def find_weights(choice: str, backbone: str) -> Path | None:
    """The file that `weights=` names; None for random weights and for those of a run, which MLflow has.

    Raises:
        UserError: there is no such file, or it is no weight file.
    """
    allowed = "allowed is none, coco, imagenet, a weight file (.h5), or runs:/ and the id of a run"
    if choice in ("", RUN):
        raise UserError(f"weights={choice} names nothing; {allowed}.")
    if choice == "none" or choice.startswith(RUN):
        return None
    if choice == "coco":
        if backbone == "resnet18":
            raise UserError("weights=coco: there are none for resnet18; choose backbone=resnet50 or resnet101.")
        return _installed(coco_file(), choice)
    if choice == "imagenet":
        if backbone not in IMAGENET_BACKBONES:
            known = " and ".join(IMAGENET_BACKBONES)
            raise UserError(f"weights=imagenet: there are none for {backbone}, only for {known}.")
        return _installed(imagenet_file(backbone), choice)
    path = Path(choice)
    if not path.exists():
        raise UserError(f"weights={choice}: there is no such file; {allowed}.")
    if path.is_dir():
        raise UserError(f"weights={choice} is a folder; {allowed}.")
    with path.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise UserError(f"weights={choice} is no HDF5 file; {allowed}.")
    return path


def _installed(path: Path, choice: str) -> Path:
    if not path.exists():
        raise UserError(
            f"weights={choice}: {path} is not there; `fmask install {choice}` fetches it, and weights=none or "
            "recipe=scratch does without."
        )
    return path


def install_coco(url: str = COCO_URL, size: int = COCO_BYTES, sha256: str = COCO_SHA256) -> Path:
    """Fetch the COCO weights; an interrupted download goes on where it stopped.

    Raises:
        UserError: they cannot be fetched, or are not the published file: then nothing is left behind.
    """
    path = coco_file()
    if path.exists() and path.stat().st_size == size and sha256_of(path) == sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    _fetch(url, part, size)
    if part.stat().st_size != size or sha256_of(part) != sha256:
        part.unlink()
        raise UserError(f"{url} is not the published file; expected {size} bytes with SHA-256 {sha256}.")
    part.replace(path)
    return path


def install_imagenet(backbone: str) -> Path:
    """Fetch the ImageNet weights of a backbone through keras.applications, which checks them.

    Raises:
        UserError: there are none for this backbone, or they cannot be fetched.
    """
    if backbone not in IMAGENET_BACKBONES:
        raise UserError(f"There are no ImageNet weights for {backbone}, only for {' and '.join(IMAGENET_BACKBONES)}.")
    import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
    from fmask.model.weights.imagenet import APPLICATIONS

    try:
        APPLICATIONS[backbone](include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises plain exceptions for anything that goes wrong on the way
        raise UserError(f"The ImageNet weights of {backbone} cannot be fetched: {error}.") from error
    return imagenet_file(backbone)


def _fetch(url: str, part: Path, size: int) -> None:
    """Append to `part` what is missing of the file at `url`."""
    import requests
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    try:
        with (
            requests.get(url, headers={"Range": f"bytes={have}-"} if have else {}, stream=True, timeout=60) as answer,
            Progress(*columns, TimeRemainingColumn()) as progress,
        ):
            answer.raise_for_status()
            goes_on = answer.status_code == requests.codes.partial_content
            task = progress.add_task(url.rsplit("/", 1)[-1], total=size, completed=have if goes_on else 0)
            with part.open("ab" if goes_on else "wb") as file:
                for block in answer.iter_content(BLOCK):
                    file.write(block)
                    progress.advance(task, len(block))
                    if file.tell() > size:
                        break
    except (requests.RequestException, OSError) as error:
        raise UserError(
            f"{url} cannot be fetched: {_first_cause(error)}; what has come is kept, and the same command goes on."
        ) from error


def _first_cause(error: BaseException) -> BaseException:
    """The first of a chain of exceptions says it in a few words: no such host, connection refused."""
    while error.__context__:
        error = error.__context__
    return error
