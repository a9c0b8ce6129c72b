"""The progress bar of items."""

import pytest

from fmask.utils.progress import counted


def test_all_items_come_in_order_and_nothing_is_shown_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(counted("abc", "Letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_the_bar_is_on_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich takes standard error for a terminal then
    assert list(counted("abc", "Letters")) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "Letters" in err
