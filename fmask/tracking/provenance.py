"""What a run is made from, in words: configuration, code, machine, packages. No secrets among them, and no MLflow."""

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
"""Those that libraries choose their ways of computing by, in Linux' words, x86's first."""


def flatten(config: Mapping[str, Any]) -> dict[str, str]:
    """A nested configuration as MLflow params: dotted keys, short values.

    A group that has a `name` stands under its own key with that name, its other keys beside it:
    `{"backbone": {"name": "resnet50", "depth": 50}}` gives `backbone=resnet50` and `backbone.depth=50`.
    What is null is left out. Values are as in YAML, lists in one line without blanks; beyond 500 characters they end
    in an ellipsis.
    """
    return {key: shortened(without_secrets(_compact(value))) for key, value in _leaves(config, "") if value is not None}


def code_tags() -> dict[str, str]:
    """The checkout's commit, under the tag that MLflow shows, and whether files differ from it; empty without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"mlflow.source.git.commit": git("rev-parse", "HEAD"), "git_dirty": str(bool(changed)).lower()}
    except (OSError, subprocess.SubprocessError):
        return {}


def machine_tags() -> dict[str, str]:
    """The command line, the machine, and the versions that results depend on most."""
    backend = os.environ["KERAS_BACKEND"]  # the package's name; fmask sets it where nobody else has
    return {
        "command": without_secrets(shlex.join(sys.argv)),
        "platform": platform.platform(),
        "cpus": str(os.cpu_count()),
        **_processor(),
        "python": platform.python_version(),
        "backend": backend,
        **{package: metadata.version(package) for package in (backend, "keras", "numpy")},
    }


def _processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Which processor it is, and what of it decides how numbers are multiplied and added up, as far as Linux tells."""
    try:
        lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
    except OSError:
        return {"processor": platform.processor()}
    first = {key.strip(): value.strip() for key, _, value in reversed(lines)}
    flags = set(first.get("flags", first.get("Features", "")).split())
    features = " ".join(feature for feature in PROCESSOR_FEATURES if feature in flags)
    return {"processor": first.get("model name", platform.processor()), "processor_features": features}


def installed_packages() -> str:
    """All installed packages, one `name==version` a line."""
    lines = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return "\n".join(sorted(lines, key=str.lower)) + "\n"


def _leaves(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        elif key == "name" and prefix:
            yield prefix.rstrip("."), value
        else:
            yield f"{prefix}{key}", value


def _compact(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
