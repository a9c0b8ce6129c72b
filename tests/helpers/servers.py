"""A local MLflow server for tests, which can be stopped and restarted."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

START_TIMEOUT = 300.0
"""Seconds to wait for the server to start."""


class Server:
    """`mlflow server` on an SQLite file, which also stores the artifacts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        options = ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        options += ["--artifacts-destination", f"{self.folder}/artifacts", "--workers", "1"]
        with (self.folder / "server.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *options], stdout=output, stderr=output, start_new_session=True, cwd=self.folder
            )
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "server.txt").read_text()
            try:
                if requests.get(f"{self.uri}/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        self.stop()
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        """Kill the server at once, as a power failure would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
