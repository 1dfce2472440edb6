"""Every kind of storage that can be tested here; the same sentences must hold on each."""

from __future__ import annotations

import uuid
from importlib.util import find_spec

import pytest

from tests.store.clock import Clock
from w2s_ray.store import Store

HAS_S3 = all(find_spec(name) for name in ("s3fs", "moto", "flask"))
KINDS = ("path", "file", "memory", "s3") if HAS_S3 else ("path", "file", "memory")


@pytest.fixture(scope="session")
def s3_server():
    """An S3 server on loopback, and its address."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_server, monkeypatch):
    """A new bucket."""
    import boto3

    environment = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some folder"


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    """The URL of an empty store of each kind, with a space and a letter beyond ASCII where it may."""
    if request.param == "s3":
        return request.getfixturevalue("s3_url")
    place = tmp_path / "störe with space"
    return {"path": str(place), "file": f"file://{place}", "memory": f"memory://{uuid.uuid4().hex}/a b"}[
        request.param
    ]


@pytest.fixture
def store(url, tmp_path):
    return Store(url, cache=tmp_path / "cache")


@pytest.fixture
def local(tmp_path):
    """A store in a folder."""
    return Store(tmp_path / "store")


@pytest.fixture
def memory(tmp_path):
    """A store that is not a folder, though it is near."""
    return Store(f"memory://{uuid.uuid4().hex}", cache=tmp_path / "cache")


@pytest.fixture
def observer(store, monkeypatch):
    """Parties of one store with a clock that the test moves: `make()` a party, `observer.now` its time."""
    return Clock(store.backend, monkeypatch)
