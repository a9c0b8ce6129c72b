"""An MLflow server that lacks what came with MLflow 3.0, in a thread of the test's process."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

ADDED_IN_3 = re.compile(r"/(ajax-)?api/2\.0/mlflow/logged-models|/api/3\.0/")
"""Endpoints that a server of MLflow 2 does not have."""


@contextmanager
def serve(folder: Path, store: Path, version: str) -> Iterator[tuple[str, list[str]]]:
    """Serve an SQLite store as a server of an old version would.

    Args:
        folder: folder for the artifacts.
        store: the SQLite file.
        version: the version that the server reports.

    Yields:
        The server's address, and the endpoints that were asked for and are missing.
    """
    missing: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("_MLFLOW_SERVER_FILE_STORE", f"sqlite:///{store}")
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/")
        patch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(folder))
        patch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
        from mlflow.server import app, handlers

        for name in ("_tracking_store", "_model_registry_store", "_artifact_repo"):
            patch.setattr(handlers, name, None)

        def old(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            path = environment["PATH_INFO"]
            if path == "/version":
                start("200 OK", [("Content-Type", "text/plain")])
                return [version.encode()]
            if ADDED_IN_3.match(path):
                missing.append(path)
                start("404 NOT FOUND", [("Content-Type", "text/html")])
                return [b"<!doctype html>\n<title>404 Not Found</title>"]
            return app.wsgi_app(environment, start)

        server = make_server("127.0.0.1", 0, old, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", missing
        finally:
            server.shutdown()
            thread.join()
