"""The values of `weights=`, and the download of the COCO weights."""

import hashlib
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

from fmask import cli
from fmask.model.weights import pretrained
from fmask.utils.errors import UserError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


class Server(ThreadingHTTPServer):
    """Serves `CONTENT` at any path, and closes the connection after `limit` bytes of a response."""

    limit = len(CONTENT)
    ranges = True

    def __init__(self) -> None:
        self.starts: list[int] = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/coco.h5"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        requested = self.headers.get("Range") if self.server.ranges else None
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested else 0
        self.server.starts.append(start)
        rest = CONTENT[start:]
        self.send_response(206 if requested else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.limit])
        self.wfile.flush()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def install(server: Server, sha256: str = SHA256) -> Path:
    return pretrained.install_coco(server.url, len(CONTENT), sha256)


def test_the_coco_weights_are_downloaded_once(server: Server) -> None:
    assert install(server).read_bytes() == CONTENT
    assert install(server) == pretrained.coco_file()
    assert server.starts == [0]
    assert list(pretrained.coco_file().parent.iterdir()) == [pretrained.coco_file()]
    assert pretrained.find_weights("coco", "resnet101") == pretrained.coco_file()


def test_an_interrupted_download_resumes(server: Server) -> None:
    server.limit = pretrained.BLOCK + 1000
    with pytest.raises(UserError, match="run the same command again to resume"):
        install(server)
    assert not pretrained.coco_file().exists()
    server.limit = len(CONTENT)
    assert install(server).read_bytes() == CONTENT
    assert server.starts == [0, pretrained.BLOCK]


def test_a_server_without_ranges_sends_the_whole_file(server: Server) -> None:
    pretrained.coco_file().parent.mkdir()
    pretrained.coco_file().with_suffix(".part").write_bytes(CONTENT[:500])
    server.ranges = False
    assert install(server).read_bytes() == CONTENT


def test_a_wrong_file_is_removed(server: Server) -> None:
    with pytest.raises(UserError, match=f"not the published file; expected {len(CONTENT)} bytes with SHA-256 0000"):
        install(server, "0" * 64)
    assert list(Path("data").iterdir()) == []


def test_an_unreachable_server_is_reported_in_one_line(server: Server) -> None:
    url = f"http://127.0.0.1:1/{'x'}"
    with pytest.raises(UserError, match="Connection refused") as refused:
        pretrained.install_coco(url, 1, SHA256)
    assert "\n" not in str(refused.value)


def test_random_weights_and_runs_need_no_file() -> None:
    assert pretrained.find_weights("none", "resnet18") is None
    assert pretrained.find_weights("runs:/0123abc", "resnet18") is None


def test_a_weight_file_is_found() -> None:
    with h5py.File("some.h5", "w"):
        pass
    assert pretrained.find_weights("some.h5", "resnet18") == Path("some.h5")


@pytest.mark.parametrize(
    ("choice", "backbone", "message"),
    [
        ("coco", "resnet50", r"mask_rcnn_coco\.h5, which is missing; download it with `fmask install coco`"),
        ("coco", "resnet18", "weights=coco does not exist for resnet18; use backbone=resnet50 or backbone=resnet101"),
        ("imagenet", "resnet50", r"notop\.h5, which is missing; download it with `fmask install imagenet resnet50`"),
        (
            "imagenet",
            "resnet18",
            "weights=imagenet does not exist for resnet18, only for .*resnet50, resnet101.*recipe=scratch",
        ),
        ("cocoo", "resnet50", "there is no such file; expected none, coco, imagenet, a weight file"),
        (".", "resnet50", "is a folder"),
        ("weights.pickle", "resnet50", "is not an HDF5 file"),
        ("empty.h5", "resnet50", "is not an HDF5 file"),
    ],
)
def test_wrong_choices_are_refused(choice: str, backbone: str, message: str) -> None:
    Path("weights.pickle").write_bytes(pickle.dumps({"conv1": [1.0]}))
    Path("empty.h5").touch()
    with pytest.raises(UserError, match=message) as refused:
        pretrained.find_weights(choice, backbone)
    assert str(refused.value).startswith(f"weights={choice}")


def test_the_command_refuses_backbones_without_imagenet_weights() -> None:
    result = CliRunner().invoke(cli.app, ["install", "imagenet", "vgg16"])
    assert isinstance(result.exception, UserError)
    assert "only for efficientnet_lite0, resnet50, resnet101 and mobilenet_v2" in str(result.exception)
