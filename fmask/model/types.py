"""Type aliases that Keras lacks."""

from typing import Any

Tensor = Any
"""A tensor of Keras' backend, or a NumPy array. Docstrings give its shape."""
