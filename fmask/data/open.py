"""Open the data set of a run: find its folder, or render it on first use, and check that it can be trained on."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from fmask.data.config import SPLITS, Data, ReadOptions, check_installed, photos_root
from fmask.data.dataset import Dataset, read_dataset
from fmask.data.formats.labels import counted
from fmask.structures.annotations import Split
from fmask.utils.errors import UserError, printable

NEEDED = ("train", "val")
"""The splits that a training needs; without test, it is scored on val alone."""
MIN_OBJECTS = {"train": 5}
"""A class with fewer objects in a split, or with none in another split, is named in a note."""


def open_dataset(data: Data, fold: int | None = None) -> Dataset:
    """Read the data set of a run; the rendered data set is drawn on first use.

    Args:
        data: the settings `data.*`.
        fold: number of the fold to test on; None for the splits of the folders.

    Raises:
        UserError: the data set is not installed, a split that training needs is missing, or a split has no objects.
    """
    check_installed(data)
    root = Path(data.root) if data.root else _default_root(data)
    dataset = read_dataset(root, data.name, ReadOptions.from_settings(vars(data)))
    if fold is not None:
        from fmask.data.folds import fold_dataset  # imports the perceptual hash

        dataset = fold_dataset(dataset, data, fold)
    if data.share < 1 and "train" in dataset.splits:
        from fmask.data.share import share_training

        dataset = share_training(dataset, data)
    for split in SPLITS:
        if split not in dataset.splits and split not in NEEDED:
            continue
        if split not in dataset.splits or not dataset.splits[split].photos:
            raise UserError(
                f"{root / split} has no annotated photos; training needs the splits {' and '.join(NEEDED)}, or fold=1, "
                "which makes them of all annotated photos."
            )
        counts = dataset.splits[split].objects_of()
        if not any(counts[name] for name in dataset.classes):
            leaves = " of a leaf" if dataset.hierarchy else ""
            raise UserError(
                f"{root / split} has photos but no annotated object{leaves} to learn from or to score; "
                f"`fmask check {root}` lists the faults of its regions."
            )
    if not data.boxes:
        _refuse_boxes(dataset)
    return dataset


def describe(dataset: Dataset) -> str:
    """Return one line for the terminal: name, folder, number of photos in each split and of others, and of faults."""
    counts = ", ".join(f"{len(split.photos)} {name}" for name, split in dataset.splits.items())
    faults = [fault for split in dataset.splits.values() for fault in split.faults if not fault.is_note]
    summary = f"; faults: {len(faults)}, listed by `fmask check {dataset.root}`" if faults else ""
    use = describe_use(dataset.splits.values())
    fold = f"fold {dataset.fold} of {dataset.deal.folds}, " if dataset.deal else ""
    whole = f" (share of {len(dataset.whole_train.photos)} train photos)" if dataset.whole_train else ""
    return f"data={dataset.name} ({dataset.root}): {fold}{counts} photos{whole}; {use}{summary}"


def describe_classes(dataset: Dataset) -> list[str]:
    """Return lines for the terminal: the number of objects of each class by split, and the classes with few objects."""
    counts = ((name, split.objects_of().items()) for name, split in dataset.splits.items())
    splits = "; ".join(f"{name}: {', '.join(f'{label} {count}' for label, count in each)}" for name, each in counts)
    note = classes_with_few_objects(dataset)
    return [f"objects: {splits}", *([note] if note else [])]


def classes_with_few_objects(dataset: Dataset) -> str | None:
    """Return a note that names the classes with few objects in train or none in another split; None without any."""
    counts = {name: split.objects_of() for name, split in dataset.splits.items()}
    few = []
    for label in dataset.classes:
        places = [f"{each[label]} in {name}" for name, each in counts.items() if each[label] < MIN_OBJECTS.get(name, 1)]
        few += [f"{label} ({', '.join(places)})"] if places else []
    return f"Note: classes with few objects: {'; '.join(few)}." if few else None


def describe_use(splits: Iterable[Split]) -> str:
    """Return how many photos show no object, how many others are left out, and the regions that the map leaves out."""
    splits = list(splits)
    empty, left_out = sum(split.empty for split in splits), sum(split.left_out for split in splits)
    regions = describe_mapped_out(splits)
    boxes = describe_boxes(splits)
    use = f"{empty} of them without objects, {left_out} {'other' if left_out == 1 else 'others'} left out"
    return "; ".join(filter(None, (use, regions, boxes)))


def describe_mapped_out(splits: Iterable[Split]) -> str | None:
    """Return how many regions of each name the map leaves out, for the terminal; None without any."""
    counts = sum((Counter(split.mapped_out) for split in splits), Counter[str]())
    return f"regions left out by the map: {counted(counts)}" if counts else None


def describe_boxes(splits: Iterable[Split]) -> str | None:
    """Return how many objects have no outline, for the terminal; None without any."""
    splits = list(splits)
    boxes, objects = sum(split.box_only for split in splits), sum(split.objects for split in splits)
    return f"{boxes} of {objects} objects have a box and no outline: they are matched by boxes" if boxes else None


def _refuse_boxes(dataset: Dataset) -> None:
    """Refuse objects without outlines in the splits that a network learns from."""
    for name in NEEDED:
        split = dataset.splits[name]
        boxed = ((photo, each) for photo in split.photos for each in photo.regions if each.box_only and each.is_object)
        first = next(boxed, None)
        if first:
            photo, region = first
            raise UserError(
                f"{split.folder}: {split.box_only} of {split.objects} objects have a box and no outline (the first is "
                f"region {region.index} of {printable(photo.name)}, {region.label}); draw their outlines, or add "
                "data.boxes=true to train boxes and classes on them."
            )


def _default_root(data: Data) -> Path:
    if data.name == "rendered":
        from fmask.data.synthetic.dataset import KIND, Labels, ensure_rendered
        from fmask.data.synthetic.people import HEAD

        labels: Labels = "kinds" if data.attribute == KIND else "heads" if HEAD in (data.classes or ()) else "items"
        return ensure_rendered(Path("data"), counts=data.counts, labels=labels)
    root = photos_root()
    assert root is not None  # checked by check_installed
    return root
