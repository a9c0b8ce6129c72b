"""Initial weights of a training: the choices of `weights=`, and their installation.

none        random weights
coco        matterport's Mask R-CNN trained on COCO, from `fmask install coco`
imagenet    a backbone trained on ImageNet: installed with fmask, or by `fmask install imagenet NAME`
PATH        a weight file: best.h5 or last.h5 of a run, or another file in matterport's layout
runs:/ID    the final weights of an MLflow run

Importing this module and finding a file does not import Keras.
"""

import os
from pathlib import Path

from fmask.model.weights.packaged import packaged_file
from fmask.utils.download_bar import download_bar
from fmask.utils.errors import UserError
from fmask.utils.files import first_reason, sha256_of

COCO_URL = "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
COCO_BYTES = 257_557_808
COCO_SHA256 = "ee7eeb918fe544c8bc1fd0f1f9588bf9f8e0e1055a4d12a98f83fa83c5f8b36d"
COCO_BACKBONES = ("resnet50", "resnet101")
PACKAGED_BACKBONE = "efficientnet_lite0"
"""The backbone whose ImageNet weights are installed with fmask."""
IMAGENET_FILES = {
    "resnet50": "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "resnet101": "resnet101_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "mobilenet_v2": "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
}
"""The backbones whose ImageNet weights keras.applications downloads, and the names of its files."""
IMAGENET_BACKBONES = (PACKAGED_BACKBONE, *IMAGENET_FILES)
BLOCK = 1 << 16
"""Number of bytes written at a time."""
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
RUN = "runs:/"


def coco_file() -> Path:
    """Return the path of the installed COCO weights."""
    return Path("data", "mask_rcnn_coco.h5")


def imagenet_file(backbone: str) -> Path:
    """Return the path where Keras stores the ImageNet weights of a backbone of keras.applications."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    return home / "models" / IMAGENET_FILES[backbone]


def find_weights(choice: str, backbone: str) -> Path | None:
    """Find the file for a value of `weights=`.

    Returns:
        The file; None for random weights, and for the weights of a run, which MLflow stores.

    Raises:
        UserError: the file is missing, or it is not a weight file.
    """
    expected = "expected none, coco, imagenet, a weight file (.h5), or runs:/ and the id of a run"
    if choice in ("", RUN):
        raise UserError(f"weights={choice} is incomplete; {expected}.")
    if choice == "none" or choice.startswith(RUN):
        return None
    if choice == "coco":
        if backbone not in COCO_BACKBONES:
            use = " or ".join(f"backbone={name}" for name in COCO_BACKBONES)
            raise UserError(f"weights=coco does not exist for {backbone}; use {use}.")
        return _installed(coco_file(), choice, "coco", "start from ImageNet weights with recipe=transfer")
    if choice == "imagenet":
        if backbone not in IMAGENET_BACKBONES:
            raise UserError(
                f"weights=imagenet does not exist for {backbone}, only for {_known_imagenet()}; train from random "
                "weights with recipe=scratch."
            )
        if backbone == PACKAGED_BACKBONE:
            return packaged_file()
        otherwise = f"use backbone={PACKAGED_BACKBONE}, whose weights are installed"
        return _installed(imagenet_file(backbone), choice, f"imagenet {backbone}", otherwise)
    path = Path(choice)
    if not path.exists():
        raise UserError(f"weights={choice}: there is no such file; {expected}.")
    if path.is_dir():
        raise UserError(f"weights={choice} is a folder; {expected}.")
    with path.open("rb") as file:
        if file.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
            raise UserError(f"weights={choice} is not an HDF5 file; {expected}.")
    return path


def _installed(path: Path, choice: str, install: str, otherwise: str) -> Path:
    if not path.exists():
        raise UserError(
            f"weights={choice} needs {path}, which is missing; download it with `fmask install {install}`, or "
            f"{otherwise}."
        )
    return path


def install_coco(url: str = COCO_URL, size: int = COCO_BYTES, sha256: str = COCO_SHA256) -> Path:
    """Download the COCO weights. An interrupted download resumes where it stopped.

    Raises:
        UserError: the download failed, or the file is not the published one; then it is removed.
    """
    path = coco_file()
    if path.exists() and path.stat().st_size == size and sha256_of(path) == sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    _download(url, part, size)
    if part.stat().st_size != size or sha256_of(part) != sha256:
        part.unlink()
        raise UserError(f"{url} is not the published file; expected {size} bytes with SHA-256 {sha256}.")
    part.replace(path)
    return path


def install_imagenet(backbone: str) -> Path:
    """Download the ImageNet weights of a backbone through keras.applications, which verifies them, or find those that
    are installed with fmask.

    Returns:
        The weight file.

    Raises:
        UserError: there are no weights for this backbone, or the download failed.
    """
    if backbone not in IMAGENET_BACKBONES:
        raise UserError(f"There are no ImageNet weights for {backbone}, only for {_known_imagenet()}.")
    if backbone == PACKAGED_BACKBONE:
        return packaged_file()
    import fmask.utils.backend  # noqa: F401 - before Keras, to keep its loading quiet
    from fmask.model.weights.imagenet import APPLICATIONS

    try:
        APPLICATIONS[backbone](include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises plain exceptions for any failure of a download
        raise UserError(f"The ImageNet weights of {backbone} cannot be downloaded: {first_reason(error)}.") from error
    return imagenet_file(backbone)


def _known_imagenet() -> str:
    *first, last = IMAGENET_BACKBONES
    return f"{', '.join(first)} and {last}"


def _download(url: str, part: Path, size: int) -> None:
    """Append the missing bytes of the file at `url` to `part`."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    try:
        with (
            requests.get(url, headers={"Range": f"bytes={have}-"} if have else {}, stream=True, timeout=60) as response,
            download_bar() as progress,
        ):
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            task = progress.add_task(url.rsplit("/", 1)[-1], total=size, completed=have if resumed else 0)
            with part.open("ab" if resumed else "wb") as file:
                for block in response.iter_content(BLOCK):
                    file.write(block)
                    progress.advance(task, len(block))
                    if file.tell() > size:
                        break
    except (requests.RequestException, OSError) as error:
        raise UserError(
            f"{url} cannot be downloaded: {first_reason(error)}; run the same command again to resume."
        ) from error
