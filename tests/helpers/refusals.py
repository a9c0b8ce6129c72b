"""What an answer to a mistake must look like."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from fmask.model.config import ModelConfig
from fmask.model.weights.metadata import NetworkMetadata
from fmask.utils.errors import UserError
from tests.helpers.classes import CLASSES

NETWORK = NetworkMetadata("resnet18", ModelConfig(), 64, True, CLASSES)


def table(rows: list[Any]) -> pytest.MarkDecorator:
    """Parametrize a test with the rows of a table; the first element of a row is its id."""
    return pytest.mark.parametrize("row", [pytest.param(row[1:], id=row[0]) for row in rows])


def refusal(act: Callable[[], Any]) -> str:
    """Return the message of the `UserError` that `act` raises, after checking its form."""
    with pytest.raises(UserError) as refused:
        act()
    message = str(refused.value)
    check_form(message)
    return message


def check_form(message: str) -> None:
    assert message.isprintable()
    assert message.endswith((".", "?", "hydra-submitit-launcher==1.2.0")), message
    assert not re.search(r"[.?] [A-Z]", message.replace("Did you mean", "")), f"several sentences: {message}"
    assert len(message) < 900
    assert "hunter2" not in message
    assert "Traceback" not in message
