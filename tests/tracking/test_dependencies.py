"""The dependencies of a served network are found from import statements."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from fmask.tracking import dependencies


def test_a_served_network_needs_the_model_and_nothing_of_training() -> None:
    needed_by = ("fmask.inference.serving", "fmask.inference.keras_predictor")  # a model without an ONNX file
    modules = {str(path) for name in needed_by for path in dependencies.required_modules(name)}
    assert {
        "fmask/__init__.py",
        "fmask/inference/serving.py",
        "fmask/inference/keras_predictor.py",
        "fmask/utils/resize.py",
    } <= modules
    assert not modules & {
        "fmask/training/train.py",
        "fmask/data/transforms/augment.py",
        "fmask/data/formats/via.py",
        "fmask/config/schema.py",
    }
    pins = dependencies.requirements_of([Path(module) for module in modules])
    needed = ("keras", "tensorflow", "opencv-python-headless")
    assert {f"{name}=={metadata.version(name)}" for name in needed} <= set(pins)
    assert all("==" in pin for pin in pins)
    assert not [pin for pin in pins if pin.startswith(("imgaug", "hydra", "jax", "optuna", "matplotlib"))]


def test_imports_inside_functions_and_packages_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fmask"
    (package / "part").mkdir(parents=True)
    for name, text in {
        "__init__": "",
        "start": "def later():\n    from fmask.part import first\n    import numpy as np\n",
        "part/__init__": "import os",
        "part/first": "from fmask.part.second import name",
        "part/second": "import fmask.start, pytest, yaml, not_installed_anywhere",
        "unused": "import torch",
    }.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr(dependencies, "PACKAGE", package)
    found = dependencies.required_modules("fmask.start")
    names = ["__init__", "part/__init__", "part/first", "part/second", "start"]
    assert [str(path) for path in found] == [f"fmask/{name}.py" for name in names]
    pins = [f"{name}=={metadata.version(name)}" for name in ("numpy", "pytest", "pyyaml")]
    assert dependencies.requirements_of(found) == pins
    assert "torch" not in sys.modules
