"""Provenance of runs, without secrets."""

from pathlib import Path

import pytest

from fmask.tracking import provenance
from fmask.tracking.provenance import flatten
from fmask.utils.secrets import without_secrets


def test_groups_collapse_to_their_name() -> None:
    config = {"aug": {"name": "fliplr_clahe", "ops": {"fliplr": 0.5}}, "name": "run", "empty": {}}
    assert flatten(config) == {"aug": "fliplr_clahe", "aug.ops.fliplr": "0.5", "name": "run", "empty": "{}"}


def test_values_are_short_and_as_in_json() -> None:
    config = {"on": True, "none": None, "lr": 1e-05, "scales": [8, 16], "parts": [{"lr": 0.1}], "path": Path("a/b")}
    assert flatten(config) == {
        "on": "true",
        "lr": "1e-05",
        "scales": "[8,16]",
        "parts": '[{"lr":0.1}]',
        "path": '"a/b"',
    }
    long = flatten({"ops": "x" * 501})["ops"]
    assert len(long) == 500
    assert long.endswith("…")
    assert flatten({"ops": "x" * 500})["ops"] == "x" * 500


def test_a_long_command_is_shortened_to_what_a_tag_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["fmask sweep", f"hydra.sweeper.rows=[{'x' * 9000}]"])
    command = provenance.machine_tags()["command"]
    assert command.startswith("fmask sweep 'hydra.sweeper.rows=[xxx")
    assert (len(command), command[-1]) == (5000, "…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("storage=postgresql://me:hunter2@db/x steps=5", "storage=postgresql://me:***@db/x steps=5"),
        ("storage=postgresql://me:hun/ter2@db/x", "storage=postgresql://me:***@db/x"),
        ("storage=postgresql://me:hun ter/2@db/x", "storage=postgresql://me:***@db/x"),
        ("storage=postgresql://me:12/34@db/x", "storage=postgresql://me:***@db/x"),
        ("postgresql://db:5432/x is away, says me@home", "postgresql://db:5432/x is away, says me@home"),
        ("postgresql://db: is it me@home?", "postgresql://db: is it me@home?"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("https://hunter2@server/x https://hunter2:@server", "https://***@server/x https://***@server"),
        ("http://me:hun@ter2@server/x is gone", "http://me:***@server/x is gone"),
        ("db?sslpassword=hunter2&sslmode=off", "db?sslpassword=***&sslmode=off"),
        ('{"token": "hunter 2", "steps": 5}', '{"token": ***, "steps": 5}'),
        ("http://127.0.0.1:5000/a@b", "http://127.0.0.1:5000/a@b"),
        ("hub.api_key=abc steps=5", "hub.api_key=*** steps=5"),
        ("password: hunter2\nsteps: 5", "password: ***\nsteps: 5"),
        ("http://127.0.0.1:5000 is away, says me@home", "http://127.0.0.1:5000 is away, says me@home"),
        ("http://127.0.0.1:5000/#/a@b", "http://127.0.0.1:5000/#/a@b"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
    ],
)
def test_secrets_are_blanked(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert provenance.code_tags() == {}
    monkeypatch.setenv("PATH", "")
    assert provenance.code_tags() == {}
