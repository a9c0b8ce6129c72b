"""Installing the published photos: downloads are checked, and edited annotations are never replaced."""

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fmask import cli
from fmask.data import install as photos
from fmask.data.paths import ANNOTATIONS
from fmask.utils.errors import UserError

FILES = {"train/a.jpg": b"first photo", "train/via_region_data.json": b"{}", "test/b.jpg": b"second photo"}


class Server:
    """A web server of one folder that records the requested paths."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requested: list[str] = []
        requested = self.requested

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                requested.append(self.path.lstrip("/"))
                super().do_GET()

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve `FILES`."""
    for path, content in FILES.items():
        (tmp_path / "served" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "served" / path).write_bytes(content)
    server = Server(tmp_path / "served")
    thread = threading.Thread(target=partial(server.http.serve_forever, poll_interval=0.01))
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [f"{path},{len(content)},{hashlib.sha256(content).hexdigest()}" for path, content in FILES.items()]
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(["path,bytes,sha256", *rows]) + "\n")
    return path


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_installs_published_files_and_test_annotations(tmp_path: Path, server: Server, manifest: Path) -> None:
    photos.install(tmp_path / "to", server.url, manifest)
    assert files_below(tmp_path / "to") == {*FILES, "test/via_region_data.json"}
    assert all((tmp_path / "to" / path).read_bytes() == content for path, content in FILES.items())
    assert len(json.loads((tmp_path / "to" / "test" / ANNOTATIONS).read_text())) == 9


def test_resumes_an_interrupted_installation(tmp_path: Path, server: Server, manifest: Path) -> None:
    photos.install(tmp_path / "to", server.url, manifest)
    (tmp_path / "to" / "train" / "a.jpg").write_bytes(b"first ph")
    (tmp_path / "to" / "test" / "b.jpg").unlink()
    server.requested.clear()
    photos.install(tmp_path / "to", server.url, manifest)
    assert sorted(server.requested) == ["test/b.jpg", "train/a.jpg"]
    assert (tmp_path / "to" / "train" / "a.jpg").read_bytes() == FILES["train/a.jpg"]


def test_needs_no_network_once_installed(tmp_path: Path, server: Server, manifest: Path) -> None:
    photos.install(tmp_path / "to", server.url, manifest)
    photos.install(tmp_path / "to", "http://127.0.0.1:1", manifest)


def test_a_wrong_digest_is_refused(tmp_path: Path, server: Server, manifest: Path) -> None:
    (server.folder / "train" / "a.jpg").write_bytes(b"other photo")
    with pytest.raises(UserError, match=r"train/a\.jpg is not the published file; expected 11 bytes") as raised:
        photos.install(tmp_path / "to", server.url, manifest)
    assert hashlib.sha256(FILES["train/a.jpg"]).hexdigest() in str(raised.value)
    assert "train/a.jpg" not in files_below(tmp_path / "to")
    assert not any("tmp" in Path(path).name for path in files_below(tmp_path / "to"))


def test_a_missing_file_is_named(tmp_path: Path, server: Server, manifest: Path) -> None:
    (server.folder / "test" / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"test/b\.jpg could not be installed from http://127.*404"):
        photos.install(tmp_path / "to", server.url, manifest)


def test_no_network_is_a_users_error(tmp_path: Path, manifest: Path) -> None:
    with pytest.raises(UserError, match=r"installed from http://127\S* Connection refused\.$"):
        photos.install(tmp_path / "to", "http://127.0.0.1:1", manifest)


def test_a_failed_installation_leaves_nothing(tmp_path: Path, manifest: Path, server: Server) -> None:
    with pytest.raises(UserError):
        photos.install(tmp_path / "data" / "photos", "http://127.0.0.1:1", manifest)
    assert not (tmp_path / "data").exists()
    (server.folder / "train" / ANNOTATIONS).unlink()  # fails after the photos
    with pytest.raises(UserError):
        photos.install(tmp_path / "data" / "photos", server.url, manifest)
    assert not (tmp_path / "data").exists()


def test_a_failed_installation_keeps_what_was_there(tmp_path: Path, manifest: Path) -> None:
    (tmp_path / "to" / "val").mkdir(parents=True)
    (tmp_path / "to" / "train").mkdir()
    (tmp_path / "to" / "train" / "a.jpg").write_bytes(FILES["train/a.jpg"])
    with pytest.raises(UserError):
        photos.install(tmp_path / "to", "http://127.0.0.1:1", manifest)
    found = {path.relative_to(tmp_path / "to").as_posix() for path in (tmp_path / "to").rglob("*")}
    assert found == {"val", "train", "train/a.jpg"}


def test_an_interrupted_installation_keeps_complete_photos_without_annotations(
    tmp_path: Path, manifest: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = photos._fetch

    def fetch_photos_then_stop(files: Any, destination: Path, base_url: str, description: str) -> None:
        if description == "Annotations":
            raise KeyboardInterrupt
        fetch(files, destination, base_url, description)

    monkeypatch.setattr(photos, "_fetch", fetch_photos_then_stop)
    with pytest.raises(KeyboardInterrupt):
        photos.install(tmp_path / "to", server.url, manifest)
    assert files_below(tmp_path / "to") == {"train/a.jpg", "test/b.jpg"}


@pytest.mark.parametrize("path", ["../evil", "train/../../evil", "/evil"])
def test_a_path_that_leads_out_of_the_folder_is_refused(
    tmp_path: Path, server: Server, manifest: Path, path: str
) -> None:
    with manifest.open("a") as lines:
        lines.write(f"{path},4,{hashlib.sha256(b'evil').hexdigest()}\n")
    with pytest.raises(UserError, match="leads out of"):
        photos.install(tmp_path / "to", server.url, manifest)
    assert server.requested == []
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("split", ["train", "test"])
def test_edited_annotations_are_not_replaced(tmp_path: Path, server: Server, manifest: Path, split: str) -> None:
    photos.install(tmp_path / "to", server.url, manifest)
    edited = tmp_path / "to" / split / ANNOTATIONS
    edited.write_text('{"mine": 1}')
    with pytest.raises(UserError, match=f"{split}/via_region_data.json is not the published file"):
        photos.install(tmp_path / "to", server.url, manifest)
    assert edited.read_text() == '{"mine": 1}'


def test_the_command_installs(tmp_path: Path, server: Server, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos.install, "__defaults__", (photos.BASE_URL, manifest))
    result = CliRunner().invoke(
        cli.app, ["install", "photos", "--to", str(tmp_path / "to"), "--base-url", server.url + "/"]
    )
    assert result.exit_code == 0
    assert set(FILES) < files_below(tmp_path / "to")


def test_the_manifest_matches_the_photos(photos_root: Path) -> None:
    lines = photos.MANIFEST.read_text().splitlines()[1:]
    assert len(lines) == 441 + 45 + 9 + 2
    for line in lines[::20]:
        path, size, digest = line.split(",")
        content = (photos_root / path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(size), digest)
