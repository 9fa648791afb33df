"""Downloads against a real HTTP server on this machine: whole, resumed, cut off, changed, damaged."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from fishy_ros.datasets.download import download
from fishy_ros.datasets.info import Download
from fishy_ros.errors import DatasetError

CONTENT = np.random.default_rng(0).bytes(1_500_000)


@dataclass
class Server:
    """What the server sends, how far it gets, and what it was asked."""

    content: bytes = CONTENT
    etag: str = '"one"'
    stop_after: int | None = None
    ranges: bool = True
    status: int = 200
    url: str = ""
    requests: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            state.requests.append(wanted)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if self.headers.get("If-Range", state.etag) != state.etag:
                start = 0
            if start and start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", state.etag)
            self.end_headers()
            self.wfile.write(body if state.stop_after is None else body[: state.stop_after])

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_address[1]}/data.bin"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def _item(server: Server, content: bytes = CONTENT, **changes) -> Download:
    return Download(server.url, "data.bin", **{"sha256": hashlib.sha256(content).hexdigest(), **changes})


def _ignore(done: int, total: int | None) -> None:
    pass


def test_a_file_arrives_whole_with_progress(tmp_path, server):
    seen = []
    path = download(_item(server), tmp_path / "new", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["data.bin"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_interrupted_download_continues_where_it_stopped(tmp_path, server):
    server.stop_after = 400_000
    with pytest.raises(DatasetError, match=r"400000 bytes were kept; run the command again to resume"):
        download(_item(server), tmp_path, _ignore)
    assert not (tmp_path / "data.bin").exists()
    with pytest.raises(DatasetError, match="800000 bytes were kept"):
        download(_item(server), tmp_path, _ignore)
    server.stop_after = None
    assert download(_item(server), tmp_path, _ignore).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=400000-", "bytes=800000-"]


def test_a_file_that_changed_meanwhile_starts_anew(tmp_path, server):
    server.stop_after = 400_000
    with pytest.raises(DatasetError):
        download(_item(server), tmp_path, _ignore)
    server.stop_after, server.etag, server.content = None, '"two"', CONTENT[::-1]
    assert download(_item(server, CONTENT[::-1]), tmp_path, _ignore).read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_starts_anew(tmp_path, server):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert download(_item(server), tmp_path, _ignore).read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_a_complete_part_is_only_checked(tmp_path, server, size):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert download(_item(server, size=size), tmp_path, _ignore).read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_anew(tmp_path, server):
    (tmp_path / "data.bin.part").write_bytes(CONTENT + b"more")
    assert download(_item(server), tmp_path, _ignore).read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_downloaded_again(tmp_path, server):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    download(_item(server), tmp_path, _ignore)
    assert server.requests == []


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_wrong_checksum_is_an_error_and_leaves_nothing(tmp_path, server, kind):
    item = Download(server.url, "data.bin", **{kind: "0" * 32})
    with pytest.raises(DatasetError, match=f"{kind} is .*, expected 000"):
        download(item, tmp_path, _ignore)
    assert not (tmp_path / "data.bin").exists()
    assert not (tmp_path / "data.bin.part").exists()


def test_an_answer_that_is_no_file_is_named(tmp_path, server):
    server.status = 404
    with pytest.raises(DatasetError, match=r"data\.bin: the server answered 404"):
        download(_item(server), tmp_path, _ignore)


def test_a_server_that_is_not_there_is_named(tmp_path, server):
    item = Download("http://127.0.0.1:9/data.bin", "data.bin")
    with pytest.raises(DatasetError, match=r"127\.0\.0\.1:9/data\.bin: .*refused"):
        download(item, tmp_path, _ignore)


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected an http or https address"):
        download(Download("file:///etc/hostname", "data.bin"), tmp_path, _ignore)
