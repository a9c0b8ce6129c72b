"""The folders of the splits of a data set."""

from pathlib import Path

from fmask.data.config import OTHER_NAMES, SPLITS
from fmask.data.formats import yolo
from fmask.utils.errors import UserError


def split_folders(root: Path) -> dict[str, Path]:
    """Return the folders of the splits of a data set that exist, in the order of `SPLITS`.

    They are those that a YOLO data set's `data.yaml` names, or else the folders that are called like the splits, in
    upper or lower case, or have one of `OTHER_NAMES`.

    Raises:
        UserError: `data.yaml` cannot be read, or names a folder that does not exist below `root`; or two folders could
            be the same split.
    """
    return yolo.split_folders(root) or _named_folders(root)


def _named_folders(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        name = folder.name.lower()
        split = OTHER_NAMES.get(name, name)
        if split not in SPLITS or not folder.is_dir():
            continue
        if split in found:
            raise UserError(f"{found[split]} and {folder} could both be the split {split}; move one of them elsewhere.")
        found[split] = folder
    return {split: found[split] for split in SPLITS if split in found}
