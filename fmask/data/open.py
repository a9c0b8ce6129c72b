"""Open the data set of a run: find its folder, or render it on first use, and check that it can be trained on."""

from pathlib import Path

from fmask.data.config import SPLITS, Data, check_installed, photos_root
from fmask.data.dataset import Dataset, read_dataset
from fmask.utils.errors import UserError


def open_dataset(data: Data) -> Dataset:
    """Read the data set of a run; the rendered data set is drawn on first use.

    Raises:
        UserError: the data set is not installed, or a split is missing or has no objects.
    """
    check_installed(data)
    root = Path(data.root) if data.root else _default_root(data)
    dataset = read_dataset(root, data.name)
    for split in SPLITS:
        if split not in dataset.splits or not dataset.splits[split].photos:
            raise UserError(f"{root / split} has no annotated photos; training needs the splits {', '.join(SPLITS)}.")
        if not any(not region.ignore for photo in dataset.splits[split].photos for region in photo.regions):
            raise UserError(
                f"{root / split} has photos but no annotated object to learn from or to score; "
                f"`fmask check {root}` lists the faults of its regions."
            )
    return dataset


def describe(dataset: Dataset) -> str:
    """Return one line for the terminal: name, folder, number of photos in each split, and number of faults."""
    counts = ", ".join(f"{len(split.photos)} {name}" for name, split in dataset.splits.items())
    faults = [fault for split in dataset.splits.values() for fault in split.faults if not fault.is_note]
    summary = f"; faults: {len(faults)}, listed by `fmask check {dataset.root}`" if faults else ""
    return f"data={dataset.name} ({dataset.root}): {counts} photos{summary}"


def _default_root(data: Data) -> Path:
    if data.name == "rendered":
        from fmask.data.synthetic.dataset import ensure_rendered

        return ensure_rendered(Path("data"), counts=data.counts)
    root = photos_root()
    assert root is not None  # checked by check_installed
    return root
