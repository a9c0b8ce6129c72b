"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def photos_root() -> Path:
    """The study's photographs; tests that need them skip where they are not installed."""
    root = os.environ.get("FMASK_PHOTOS")
    if not root or not Path(root, "train").is_dir():
        pytest.skip("the study's photographs are not here: set FMASK_PHOTOS to the folder with train/, val/ and test/")
    return Path(root).resolve()
