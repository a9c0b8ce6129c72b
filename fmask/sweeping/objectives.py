"""Check of the metrics that the settings of a sweep name, before the first job trains."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from fmask import tracking
from fmask.utils.errors import UserError

KEYS = ("maximize", "minimize", "watch", "metrics")
"""Settings of a sweeper that name metrics."""


def check_metrics(settings: Mapping[str, Any]) -> None:
    """Check that a run logs each metric that a sweeper's settings name.

    Args:
        settings: the settings of the sweeper, a `GridConf` or a `SearchConf`.

    Raises:
        UserError: there is no such metric, or it is not logged by epoch and is watched.
    """
    for key in KEYS:
        value = settings.get(key) or []
        for name in [value] if isinstance(value, str) else value:
            if not tracking.is_metric(name):
                raise UserError(f"hydra.sweeper.{key}: {_unknown(name)}")
    watched = settings.get("watch")
    by_epoch = (*(name for name in tracking.METRICS if name.startswith("train/")),
                *(f"val/{name}" for name in (*tracking.LOSSES, *tracking.CURVES)))  # fmt: skip
    if watched and watched not in by_epoch:
        raise UserError(
            f"hydra.sweeper.watch={watched} is not logged by epoch; it must be one of {', '.join(by_epoch)}."
        )


def _unknown(name: str) -> str:
    present = tracking.RENAMED.get(name)
    if present in tracking.METRICS:
        return f"the metric {name} is now called {present}."
    metrics = ", ".join((*tracking.METRICS, "test/mask_ap50_CLASS"))
    meant = get_close_matches(name, tracking.METRICS, n=1)
    return f"runs have no metric {name}{f'; did you mean {meant[0]}?' if meant else '.'} Their metrics are {metrics}."
