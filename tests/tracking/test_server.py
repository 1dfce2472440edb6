"""A real MLflow server on loopback that comes late, is killed in mid-sweep, and comes back."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from w2s_ray.tracking import Experiment, Run, Tracker, names
from w2s_ray.tracking.client import connect, search_all

pytestmark = pytest.mark.ray


class Server:
    """`mlflow server` on a port of its own; started, killed and started again over one database."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder, self._process = folder, None

    def start(self):
        settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
                   "--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}",
                   "--artifacts-destination", str(self._folder / "served")]  # fmt: skip
        with (self._folder / "server.log").open("ab") as output:
            self._process = subprocess.Popen(
                command, env=os.environ | settings, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError((self._folder / "server.log").read_text()[-2000:])

    def kill(self):
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path):
    found = Server(tmp_path)
    yield found
    found.kill()


def ids(uri, experiment):
    client = connect(uri)
    runs = search_all(client, client.get_experiment_by_name(experiment).experiment_id)
    return sorted(run.data.tags[names.ID] for run in runs)


def stages(*numbers):
    return [
        Run(id=f"stage/{n}", kind="stage", name=str(n), parent="sweep/s", metrics={"m": float(n)})
        for n in numbers
    ]


def test_everything_arrives_once_through_a_late_start_and_a_kill_in_mid_sweep(server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    spool = tmp_path / "spool.jsonl"
    tracker = Tracker(server.uri, "s", spool)
    tracker.put(Run(id="sweep/s", kind="sweep", name="s", tags={names.SWEEP: "s"}))
    started = time.monotonic()
    for run in stages(*range(5)):
        tracker.put(run)
    assert time.monotonic() - started < 1  # the server is not there, and nobody waits for it
    server.start()
    assert tracker.flush(60)
    for run in stages(*range(5, 40)):
        tracker.put(run)
    time.sleep(0.3)
    server.kill()
    for run in stages(*range(40, 60)):
        tracker.put(run)
    assert not tracker.flush(3)
    left = spool.read_bytes()
    server.start()
    assert tracker.flush(90)
    assert tracker.close() == 0
    expected = sorted(["sweep/s", *(f"stage/{n}" for n in range(60))])
    assert ids(server.uri, "s") == expected
    for _ in range(2):  # the spool of the outage, replayed
        spool.write_bytes(left)
        again = Tracker(server.uri, "s", spool)
        assert again.flush(60)
        assert again.close() == 0
    assert ids(server.uri, "s") == expected


def test_a_sweep_published_to_a_server_is_reported_from_it(server, synthetic, tmp_path):
    from w2s_ray.report import build_report

    server.start()
    sweep = synthetic.synthetic_sweep(tmp_path / "store", tasks=("review",), seeds=(0,), pairs=(("xs", "l"),))
    tracker = Tracker(server.uri, "synthetic", tmp_path / "spool.jsonl")
    synthetic.publish(sweep, tracker)
    assert tracker.flush(90)
    assert tracker.close() == 0
    aggregate = build_report(server.uri, "synthetic", tmp_path / "out", draws=100)
    assert aggregate["complete"]
    assert all(arm["pgr"]["interval"] for arm in aggregate["arms"])
    assert len(Experiment(server.uri, "synthetic").cells()) == 2
