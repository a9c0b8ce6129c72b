"""The module names of version 0.1 that networks logged to MLflow import.

An MLflow model contains the code that serves it, as it was when the model was logged. In a process that has imported
this package already, that code gets its modules from here, under the names that they had then.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

OLD_MODULES = {
    "fmask.backend": "fmask.utils.backend",
    "fmask.detections": "fmask.structures.version_0_1",
    "fmask.errors": "fmask.utils.errors",
    "fmask.model.detector": "fmask.inference.version_0_1",
}
"""Old name to the module that has its contents now."""


class OldModules(MetaPathFinder, Loader):
    """Finds modules by their old names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in OLD_MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        contents = vars(import_module(OLD_MODULES[module.__name__]))
        vars(module).update({name: value for name, value in contents.items() if not name.startswith("__")})


def install() -> None:
    """Make the old names importable, after all other ways to find a module."""
    if not any(isinstance(finder, OldModules) for finder in sys.meta_path):
        sys.meta_path.append(OldModules())
