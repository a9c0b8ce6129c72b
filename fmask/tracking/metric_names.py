"""The names of the metrics that a run logs, and those of earlier versions.

`train/…` and `val/…` are logged by epoch: losses, costs, and average precision of the validation photos. `test/…` and
the other scores of `val/…` belong to the network at the end. The scores after an earlier part of a schedule have the
part's name in front, such as `one/test/accuracy`. MLflow shows the metrics of one prefix together.
"""

import re
from collections.abc import Iterable, Mapping

from fmask.structures.classes import UNNAMED

LOSSES = ("loss", "rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
"""The weighted total and the five losses."""
COSTS = ("train/images_per_second", "train/cpu_seconds")
"""Metrics that are costs, not results."""
CURVES = ("mask_ap50", "box_ap50")
"""Scores of the validation photos that are logged every few epochs."""
SCORES = {
    "test": (
        *("found", "found_wrongly", "missed", "spurious", "accuracy", "precision", "precision_all", "recall"),
        *("mask_ap", "mask_ap50", "box_ap50"),
    ),
    "val": ("accuracy", "precision", "precision_all", "recall", "mask_ap", *CURVES),
}
"""Split to the scores that are metrics of a run; the files `scores/…json` have all scores with their intervals.

Those of `test` include the AP50 of each class, whose names begin with `OF_CLASS`."""
PARENTS = "parents"
"""Stands before the name of a score at the parents of a hierarchy of classes, as in `test/parents/accuracy`."""
OF_CLASS = "mask_ap50_"
"""Beginning of the name of a class's AP50, such as `mask_ap50_hat`."""
METRICS = (
    *(f"train/{name}" for name in (*LOSSES, "learning_rate")),
    *COSTS,
    *(f"val/{name}" for name in LOSSES),
    *(f"{split}/{name}" for split, names in SCORES.items() for name in names),
)
"""All metrics of a run whose schedule has one part, except MLflow's own, `system/…`."""

_OLD_SCORES = (
    *("found", "found_wrongly", "missed", "spurious"),
    *(f"{rate}{end}" for rate in ("accuracy", "precision", "recall") for end in ("", "_low", "_high")),
    *(
        f"{kind}_{ap}{of}"
        for kind in ("box", "mask")
        for ap in ("ap", "ap50", "ap75")
        for of in ("", *(f"_{name}" for name in UNNAMED))
    ),
)
RENAMED = {
    **{name: f"train/{name}" for name in (*LOSSES, "learning_rate", "images_per_second", "cpu_seconds")},
    **{f"val_{name}": f"val/{name}" for name in (*LOSSES, *CURVES)},
    **{name: f"test/{name}" for name in _OLD_SCORES},
}
"""Metrics of 0.1.0 and their present names. Some scores are no longer metrics, but still in `scores/…json`."""


def epoch_metrics(logs: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics of an epoch under the names that are logged.

    Args:
        logs: values under Keras' names, in which those of the validation begin with `val_`.
    """
    names = {name: f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}" for name in logs}
    return {names[name]: value for name, value in logs.items()}


def pick_scores(split: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of a split that are metrics; undefined ones are left out.

    The split may be that of scores at the parents, such as `test/parents`.
    Characters of class names that MLflow does not accept are replaced by underscores.
    """
    split = split.removesuffix(f"/{PARENTS}")
    names = [name for name in SCORES.get(split, SCORES["test"]) if name in scores]
    if split != "val":
        names += [name for name in scores if name.startswith(OF_CLASS)]
    return {re.sub(r"[^\w .-]", "_", name): scores[name] for name in names}


def is_metric(name: str) -> bool:
    """Return whether runs log a metric of this name.

    That is one of `METRICS`, a score after a part of a schedule, or a score at the parents.
    """
    before, at_parents, score = name.partition(f"/{PARENTS}/")
    if at_parents:
        return before.rpartition("/")[2] in SCORES and is_metric(f"{before}/{score}")
    part, _, score = name.partition("/")
    split, _, rest = score.partition("/")
    if name in METRICS or name.startswith(f"test/{OF_CLASS}"):
        return True
    return bool(part) and (rest in SCORES.get(split, ()) or (split == "test" and rest.startswith(OF_CLASS)))


def rename_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics of a training, perhaps of an earlier version, under their present names."""
    return {RENAMED.get(name, name): value for name, value in metrics.items()}


def logged_name(name: str, logged: Iterable[str]) -> str:
    """Return the name under which a run has logged a metric, perhaps with an earlier version.

    Args:
        name: the present name.
        logged: the names of all metrics of the run.
    """
    known = set(logged)
    # First the old name: 0.1.0 had both `val_mask_ap50`, by epoch, and the final `val/mask_ap50`.
    return next((old for old, new in RENAMED.items() if new == name and old in known), name)
