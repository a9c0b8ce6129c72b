"""The folders of the splits of a data set."""

from pathlib import Path

from fmask.data.config import SPLITS
from fmask.data.formats import yolo


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the splits of a data set that exist, in the order of `SPLITS`.

    They are those that a YOLO data set's `data.yaml` names, or else the folders called like the splits.

    Raises:
        UserError: `data.yaml` cannot be read, or names a folder that does not exist below `root`.
    """
    return yolo.split_folders(root) or {split: root / split for split in SPLITS if (root / split).is_dir()}
