"""The weight files that a finished run keeps."""

from pathlib import Path

from fmask import tracking
from fmask.model.weights.exported import exported_file

KEPT = {"best_and_last": ("last", "best"), "last": ("last",), "none": ()}
"""The setting `keep_weights`, and the names of the files that stay."""


def log_weights(run: tracking.Run, output_dir: Path, keep: str) -> None:
    """Log the files that the run keeps of its weights, and its last network as a model; delete the others.

    Args:
        run: the run.
        output_dir: the folder with `last.h5` and `best.h5`.
        keep: the setting `keep_weights`.
    """
    for name in KEPT[keep]:
        run.log_file(output_dir / f"{name}.h5", "weights")
        if exported := exported_file(output_dir / f"{name}.h5"):
            run.log_file(exported, "weights")
    if "last" in KEPT[keep]:
        run.log_model(output_dir / "last.h5")
    delete_weights(output_dir, keep)


def delete_weights(output_dir: Path, keep: str) -> None:
    """Delete the weight files in a run's output folder that the setting `keep_weights` does not keep."""
    for name in {"last", "best"} - set(KEPT[keep]):
        for suffix in (".h5", ".onnx"):
            (output_dir / name).with_suffix(suffix).unlink(missing_ok=True)
