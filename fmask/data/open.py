"""Which photos a run is on, found or drawn."""

from pathlib import Path

from fmask.data.config import SPLITS, Data, photos_root
from fmask.data.dataset import Dataset, read_dataset
from fmask.utils.errors import UserError


def open_dataset(data: Data) -> Dataset:
    """The data set of a run; draws the rendered one on first use.

    Raises:
        UserError: it is not installed, or a split is missing or without objects.
    """
    root = Path(data.root) if data.root else _usual_root(data)
    dataset = read_dataset(root, data.name)
    for split in SPLITS:
        if split not in dataset.splits or not dataset.splits[split].photos:
            raise UserError(f"{root / split} has no annotated photos; training needs the splits {', '.join(SPLITS)}.")
        if not any(not region.ignore for photo in dataset.splits[split].photos for region in photo.regions):
            raise UserError(
                f"{root / split} has photos but no annotated object, without which nothing can be learned or scored; "
                f"`fmask check {root}` says what is wrong with its regions."
            )
    return dataset


def _usual_root(data: Data) -> Path:
    if data.name == "rendered":
        from fmask.data.synthetic.dataset import ensure_rendered

        return ensure_rendered(Path("data"), counts=data.counts)
    root = photos_root()
    if root is None:
        raise UserError(
            "data=photos: the photos are not installed; run `fmask install photos`, set FMASK_PHOTOS to their folder, "
            "or choose data=rendered."
        )
    return root


def describe(dataset: Dataset) -> str:
    """One line for the terminal: what it is, where it is, how much there is and what was wrong with it."""
    counts = ", ".join(f"{len(split.photos)} {name}" for name, split in dataset.splits.items())
    faults = [fault for split in dataset.splits.values() for fault in split.faults if not fault.is_note]
    told = f"; {len(faults)} faults in it, listed by `fmask check {dataset.root}`" if faults else ""
    return f"data={dataset.name} ({dataset.root}): {counts} photos{told}"
