"""The project's metadata: versions in one place, the same pins everywhere, a wheel with everything that it needs."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import fmask

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_same_versions_are_pinned_everywhere() -> None:
    assert (ROOT / "constraints.txt").read_text().splitlines() == PROJECT["tool"]["uv"]["constraint-dependencies"]


def test_the_version_has_one_source() -> None:
    assert metadata.version("fmask") == fmask.__version__


def test_importing_the_package_is_light() -> None:
    program = (
        "import sys, fmask; print([name for name in ('keras', 'numpy', 'hydra', 'mlflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_stub_names_what_the_package_offers() -> None:
    stub = (ROOT / "fmask" / "__init__.pyi").read_text()
    for name in fmask.__all__:
        assert name == "__version__" or f" as {name}\n" in stub


def test_the_layers_name_every_folder() -> None:
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    folders = {path.name for path in (ROOT / "fmask").iterdir() if (path / "__init__.py").is_file()}
    assert set(contract["layers"]) == folders | {"__main__"}
    assert set(contract) <= {"name", "type", "containers", "layers", "exhaustive"}  # and allows no exceptions


def test_no_module_lies_loose_or_grows_too_long() -> None:
    assert {path.name for path in (ROOT / "fmask").glob("*.py*")} == {"__init__.py", "__init__.pyi", "__main__.py"}
    long = [path for path in (ROOT / "fmask").rglob("*.py") if len(path.read_text().splitlines()) > 300]
    assert long == []
