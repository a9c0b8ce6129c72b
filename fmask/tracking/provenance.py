"""The provenance of a run: configuration, code, machine and packages, without secrets. Does not use MLflow."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from fmask.utils.secrets import shortened, without_secrets

PROCESSOR_FEATURES = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
    "asimd", "sve", "bf16",
)  # fmt: skip
"""CPU flags by which numerical libraries select their kernels, as named by Linux: first x86, then ARM."""


LONGEST_TAG = 5000
"""Largest number of characters of a tag that MLflow 2 and 3 accept."""
_WHOLE = ("data.map", "data.hierarchy")
"""Mappings that are one param: MLflow does not accept all their keys, which come from annotation files."""


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """Flatten a nested configuration to MLflow params with dotted keys.

    The `name` of a group becomes the value of the group's own key:
    `{"backbone": {"name": "resnet50", "depth": 50}}` becomes `backbone=resnet50` and `backbone.depth=50`.
    Null values are left out. Mappings in `_WHOLE` are not flattened. Strings stay as they are, other values become JSON
    without blanks. Values of more than 500 characters are shortened.
    """
    return {key: shortened(without_secrets(_compact(value))) for key, value in _leaves(config, "") if value is not None}


def code_tags() -> dict[str, str]:
    """Return tags with the checkout's commit and whether tracked files have been changed; empty without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"mlflow.source.git.commit": git("rev-parse", "HEAD"), "git_dirty": str(bool(changed)).lower()}
    except (OSError, subprocess.SubprocessError):
        return {}


def machine_tags() -> dict[str, str]:
    """Return tags with the command line, the machine, and the versions that results depend on most."""
    backend = os.environ["KERAS_BACKEND"]  # also the name of the package; fmask sets a default
    return {
        "command": shortened(without_secrets(f"{sys.argv[0]} {shlex.join(sys.argv[1:])}".strip()), LONGEST_TAG),
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": str(os.cpu_count()),
        **_processor(),
        "python": platform.python_version(),
        "backend": backend,
        **{package: metadata.version(package) for package in (backend, "keras", "numpy")},
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return tags with the processor and, on Linux, its features that affect numerical results."""
    try:
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
    except OSError:
        return {"processor": platform.processor()}
    first = {key.strip(): value.strip() for key, _, value in reversed(lines)}
    flags = set(first.get("flags", first.get("Features", "")).split())
    features = " ".join(feature for feature in PROCESSOR_FEATURES if feature in flags)
    return {"processor": first.get("model name", platform.processor()), "processor_features": features}


def installed_packages() -> str:
    """Return all installed packages, one `name==version` per line."""
    lines = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return "\n".join(sorted(lines, key=str.lower)) + "\n"


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value and f"{prefix}{key}" not in _WHOLE:
            yield from _leaves(value, f"{prefix}{key}.")
        elif key == "name" and prefix:
            yield prefix.rstrip("."), value
        else:
            yield f"{prefix}{key}", value


def _compact(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
