"""Sphinx configuration: `python -m sphinx -W --keep-going -b html docs docs/_build/html`."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS / "_ext"), str(DOCS.parent)]
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import fmask  # noqa: E402 - found through the path above
import fmask.utils.backend  # noqa: E402 - loads TensorFlow without its messages

project = "fmask"
author = "The fmask authors"
copyright = "2026, The fmask authors"
version = release = fmask.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "docstrings",  # in _ext
    "reference_pages",  # in _ext
]
exclude_patterns = ["_build", "_generated"]  # _generated is included by pages in reference/
highlight_language = "sh"  # of blocks that do not say
smartquotes = False  # they would turn --option into a dash

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # those of Keras are written in Markdown
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 60
add_module_names = False

html_theme = "furo"
html_title = f"fmask {version}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sphinx = False
html_copy_source = False
