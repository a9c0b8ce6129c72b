"""Database stores: processes that create the tables at the same moment, and SQLite files in trouble."""

import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from fmask import tracking
from fmask.tracking import database
from fmask.utils.errors import UserError

URI = "mssql+pyodbc://me@db/runs"


class Client:
    """Raises `failures` first, as MLflow does on a database in which another process is creating the tables."""

    failures: list[Exception]
    calls = 0

    def __init__(self, uri: str) -> None:
        assert uri == URI
        type(self).calls += 1
        if self.failures:
            raise self.failures.pop(0)

    def search_experiments(self, max_results: int) -> None:
        pass


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def race() -> IntegrityError:
    return IntegrityError("CREATE TABLE experiments", None, Exception('"pg_type_typname_nsp_index" is not unique'))


def test_tables_that_another_process_creates_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "MlflowClient", Client)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    wrapped = ValueError("MLflow's own exception")
    wrapped.__cause__ = OperationalError("INSERT", None, Exception("deadlock"))
    Client.failures = [race(), wrapped]
    Client.calls = 0
    assert tracking.prepare_store() == URI
    assert Client.calls == 3

    Client.failures = [race() for _ in range(20)]
    with pytest.raises(UserError, match=r"MLflow at mssql.* cannot be used .*is not unique"):
        tracking.prepare_store()
    Client.failures = [ModuleNotFoundError("No module named 'pyodbc'")] * 2
    with pytest.raises(UserError, match="No module named 'pyodbc'"):
        tracking.prepare_store()
    assert len(Client.failures) == 1, "a missing driver does not appear by waiting"


def test_other_stores_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "MlflowClient", None)
    for uri in ("http://127.0.0.1:1", "databricks", "file:///tmp/runs"):
        database.create_database(uri)


@pytest.mark.parametrize("trouble", ["corrupt", "read only"])
def test_a_store_in_trouble_costs_one_sentence(
    store: Path, trouble: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    file = store / "mlflow.db"
    with tracking.start_run({}, "mine") as run, closing(sqlite3.connect(file, isolation_level=None)) as other:
        if trouble == "corrupt":
            size = file.stat().st_size
            with file.open("r+b") as content:
                content.seek(4096)
                content.write(b"\xff" * (size - 4096))
        else:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON metrics BEGIN SELECT RAISE(ABORT, 'read only'); END")
        for epoch in range(1, 4):
            run.log_epoch(epoch, {"loss": 1.0})
    assert "Traceback" not in capfd.readouterr().err + caplog.text
    first, *_ = messages = [record.getMessage() for record in caplog.records if record.levelname != "INFO"]
    assert len(messages) == 2, "the first failure, and what is left at the end"
    assert ("malformed" if trouble == "corrupt" else "Error: read only") in first
