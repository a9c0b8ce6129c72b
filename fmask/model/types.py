"""Names of types that Keras does not name."""

from typing import Any

Tensor = Any
"""A tensor of the backend that Keras runs on, or a NumPy array; docstrings tell its shape."""
