"""An S3 server that answers badly: a burst of 503 is waited out, a 403 is said with its place."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.store.results import commit, key_of
from w2s_ray.core.errors import EnvironmentFault
from w2s_ray.store import Leases, Store

s3fs = pytest.importorskip("s3fs")


class Answers(BaseHTTPRequestHandler):
    """Says each of `codes` once, and the last one from then on."""

    codes: tuple[int, ...] = (404,)
    asked = 0
    protocol_version = "HTTP/1.1"  # a client that uploads waits for `100 Continue`

    def do_any(self):
        cls = type(self)
        code = cls.codes[min(cls.asked, len(cls.codes) - 1)]
        cls.asked += 1
        names = {403: "AccessDenied", 404: "NoSuchKey", 503: "SlowDown"}
        body = f"<Error><Code>{names[code]}</Code><Message>{names[code]}</Message></Error>".encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_any

    def log_message(self, *arguments):
        """Silence."""


@pytest.fixture
def answers(monkeypatch):
    """The handler's class of a server that an S3 store talks to."""
    handler = type("Handler", (Answers,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    s3fs.S3FileSystem.clear_instance_cache()
    yield handler
    server.shutdown()
    server.server_close()
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_burst_of_503_is_waited_out(answers):
    answers.codes = (503, 503, 503, 404)
    assert Store("s3://bucket/store").find(key_of("a")) is None
    assert answers.asked >= 4


def test_a_403_names_the_place_and_is_never_taken_for_an_empty_store(answers):
    answers.codes = (403,)
    store = Store("s3://bucket/store")
    uses = (
        lambda: store.find(key_of("a")),
        lambda: store.find_all([key_of("a"), key_of("b")]),
        lambda: commit(store, "a", {}),
        lambda: Leases(store.backend).acquire(key_of("a")),
    )
    for use in uses:
        with pytest.raises(
            EnvironmentFault,
            match=r"bucket/store.*cannot (read|write) \((Forbidden|AccessDenied)",
        ) as error:
            use()
        assert "planted-secret" not in str(error.value)
