"""Pulling model files from a server on this machine, with everything that can go wrong."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.catalogue import CatalogueEntry, find
from inference.errors import ModelError
from inference.pull import pull

CONTENT = bytes(range(256)) * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path not in ("/net.onnx", "/cut.onnx", "/moved.onnx"):
            self.send_error(404)
            return
        if self.path == "/moved.onnx":
            self.send_response(302)
            self.send_header("Location", "/net.onnx")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT if self.path == "/net.onnx" else CONTENT[:1000])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


def _entry(source: str, sha256: str | None = CHECKSUM) -> CatalogueEntry:
    return CatalogueEntry("net", "detector", "a test's", file="net.onnx", source=source, sha256=sha256)


def test_a_file_arrives_whole_under_its_name_with_progress(server: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = pull(_entry(f"{server}/net.onnx"), folder=tmp_path / "new" / "folder", progress=lambda *step: seen.append(step))
    assert path == tmp_path / "new" / "folder" / "net.onnx"
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["net.onnx"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert sorted(seen) == seen


def test_a_redirect_is_followed(server: str, tmp_path: Path) -> None:
    assert pull(_entry(f"{server}/moved.onnx"), folder=tmp_path).read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched_again_but_a_wrong_one_is(server: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(CONTENT)
    assert pull(_entry("https://example.invalid/net.onnx"), folder=tmp_path) == tmp_path / "net.onnx"
    (tmp_path / "net.onnx").write_bytes(b"old")
    assert pull(_entry(f"{server}/net.onnx"), folder=tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_keeps_nothing_and_spoils_nothing(server: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"old")
    with pytest.raises(ModelError, match=f"gave another file: its SHA-256 is {CHECKSUM}, expected {'0' * 64}"):
        pull(_entry(f"{server}/net.onnx", "0" * 64), folder=tmp_path)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("net.onnx", b"old")]


def test_an_unknown_checksum_must_be_given(server: str, tmp_path: Path) -> None:
    entry = _entry(f"{server}/net.onnx", None)
    with pytest.raises(ModelError, match=r"does not know the SHA-256 of net\.onnx.*--sha256"):
        pull(entry, folder=tmp_path)
    with pytest.raises(ModelError, match="'12ab' is not a SHA-256: expected 64 hexadecimal digits"):
        pull(entry, folder=tmp_path, sha256="12ab")
    assert pull(entry, folder=tmp_path, sha256=CHECKSUM.upper()).read_bytes() == CONTENT


def test_a_given_checksum_cannot_replace_the_catalogues(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the catalogue has another SHA-256 for yolox-nano"):
        pull(find("yolox-nano"), folder=tmp_path, sha256=CHECKSUM)


def test_a_mirror_serves_instead_of_the_source(server: str, tmp_path: Path) -> None:
    path = pull(_entry("https://example.invalid/net.onnx"), folder=tmp_path, source=f"{server}/net.onnx")
    assert path.read_bytes() == CONTENT


def test_a_missing_page_gets_one_clear_line(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/none\.onnx answers 404 Not Found"):
        pull(_entry(f"{server}/none.onnx"), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_off_keeps_nothing(server: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"broke off"):
        pull(_entry(f"{server}/cut.onnx"), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_server_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as bound:  # bound but not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}/net.onnx"
        with pytest.raises(ModelError) as caught:
            pull(_entry(address), folder=tmp_path)
    assert str(caught.value).startswith("cannot reach 127.0.0.1 ")
    assert "THROUGHLINE_MODELS" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["http://example.invalid/net.onnx", "ftp://127.0.0.1/net.onnx", "file:///etc/hosts", "net.onnx"]
)
def test_only_https_leaves_this_machine(address: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not an https address"):
        pull(_entry(address), folder=tmp_path)


def test_a_built_in_model_has_nothing_to_pull() -> None:
    with pytest.raises(ModelError, match="motion is built in"):
        pull(find("motion"))


def test_a_folder_that_cannot_be_made_gets_one_clear_line(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=f"cannot write to {tmp_path}/file"):
        pull(_entry(f"{server}/net.onnx"), folder=tmp_path / "file")


def test_another_file_of_the_network_that_is_there_is_left_there(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(CONTENT)
    entry = CatalogueEntry(
        "net",
        "detector",
        "a test's",
        file="net.onnx",
        source="https://127.0.0.1:9/net.onnx",
        sha256="0" * 64,
        other_sha256=(CHECKSUM,),
    )
    assert pull(entry, folder=tmp_path).read_bytes() == CONTENT
