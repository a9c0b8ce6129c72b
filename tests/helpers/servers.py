"""An MLflow server of a test's own, that can be stopped and started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

LONGEST_START = 300.0
"""Seconds."""


class Server:
    """`mlflow server` on an SQLite file, with the artifacts in its keeping."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        where = ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        where += ["--artifacts-destination", f"{self.folder}/artifacts", "--workers", "1"]
        with (self.folder / "server.txt").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *where], stdout=output, stderr=output, start_new_session=True, cwd=self.folder
            )
        end = time.monotonic() + LONGEST_START
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "server.txt").read_text()
            try:
                if requests.get(f"{self.uri}/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        self.stop()
        raise AssertionError("the server does not start")

    def stop(self) -> None:
        """As a power cut does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
