"""Sweeps on a real Ray: the same numbers as in process, whatever is killed in the middle.

Each test starts the command as a user would, with a Ray of its own; processes are ended by id.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sweep.small import write_sweep
from w2s_ray.stages.predictions import read_predictions
from w2s_ray.store import Store

pytestmark = pytest.mark.ray
SEEDS = "[0, 1, 2]"
COMMAND = "import sys; from w2s_ray.cli import sweep_main; sweep_main()"


@pytest.fixture(scope="module")
def ray_temp() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="w2s-ray-")  # short: Ray puts sockets below it
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Command:
    """`w2s-sweep` on a small sweep in a folder of its own."""

    def __init__(self, folder: Path, ray_temp: str, *, launcher: str = "actor", more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = write_sweep(folder, launcher=launcher, seeds=SEEDS, more=more)
        self.environment = {**os.environ, "W2S_RAY_TEMP": ray_temp, "PYTHONPATH": str(Path.cwd())}

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(self.file), "--out", str(self.folder / "out"), *options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str) -> dict[str, Any]:
        process = self.start(*options)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output[-3000:]
        return self.aggregate()

    def aggregate(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out" / "aggregate.json").read_text())
        return found

    @property
    def store(self) -> Store:
        return Store(self.folder / "store")

    def num_done(self) -> int:
        return len(list((self.folder / "store" / "finetune").glob("*/record.json")))

    def leftovers(self) -> list[Path]:
        return list((self.folder / "store").glob("*/*/lease-*"))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0][-3000:]
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.05)


def children_of(process: subprocess.Popen[str], name: str) -> list[int]:
    """The process ids of the actors of a class that a driver's own Ray runs."""
    import psutil

    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [int(child.pid)] if name in " ".join(child.cmdline()) else []
    return found


def broker_of(process: subprocess.Popen[str]) -> int:
    (broker,) = children_of(process, "BrokerService")
    return broker


def contents(store: Store) -> dict[str, str]:
    """The digest of every stage's predictions or examples."""
    records = store.find_all(store.keys())
    wanted = ("predictions.parquet", "examples.parquet")
    return {key: next(file.sha256 for name, file in record.files.items() if name in wanted)
            for key, record in records.items()}  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, ray_temp: str) -> Command:
    """The same sweep in one process, without Ray."""
    command = Command(tmp_path_factory.mktemp("here"), ray_temp, launcher="here")
    command.run()
    return command


def test_warm_actors_give_the_very_bytes_of_one_process(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    command = Command(tmp_path, ray_temp)
    assert command.run()["arms"] == undisturbed.aggregate()["arms"]
    assert contents(command.store) == contents(undisturbed.store)
    assert not command.leftovers()


def test_a_killed_driver_loses_nothing_finished_and_the_same_command_ends_the_sweep(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    command = Command(tmp_path, ray_temp)
    process = command.start()
    wait_for(lambda: command.num_done() >= 4, process)
    process.kill()
    process.wait()
    finished = contents(command.store)
    aggregate = command.run()
    assert aggregate["arms"] == undisturbed.aggregate()["arms"]
    assert finished.items() <= contents(command.store).items()
    assert aggregate["stages"]["reused"] >= 4
    assert contents(command.store) == contents(undisturbed.store)


def test_a_killed_broker_comes_back_and_the_sweep_goes_on(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    command = Command(tmp_path, ray_temp)
    process = command.start()
    wait_for(lambda: command.num_done() >= 4, process)
    os.kill(broker_of(process), signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    assert command.aggregate()["complete"]
    assert command.aggregate()["arms"] == undisturbed.aggregate()["arms"]


@pytest.mark.parametrize(
    ("launcher", "number"),
    [("actor", signal.SIGINT), ("actor", signal.SIGTERM), ("here", signal.SIGINT), ("here", signal.SIGTERM)],
)
def test_an_interrupt_ends_within_ten_seconds_with_130_and_leaves_no_lease(
    tmp_path: Path, ray_temp: str, launcher: str, number: int
) -> None:
    command = Command(tmp_path, ray_temp, launcher=launcher)
    process = command.start("--set", "train.roles={student: {epochs: 5000}}")  # in the middle of a long stage
    wait_for(lambda: any("-naive-" in str(path) for path in command.leftovers()), process)
    process.send_signal(number)
    started = time.monotonic()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output[-3000:]
    assert time.monotonic() - started < 10
    assert "the same command continues" in output
    assert not command.leftovers()


def test_killed_workers_resume_their_trainings_to_the_same_bytes(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    command = Command(tmp_path, ray_temp)
    process = command.start("--set", "resources.checkpoint_s=0.001")  # after every step
    for done in (2, 6, 10):
        wait_for(lambda done=done: command.num_done() >= done, process)  # type: ignore[misc]
        for worker in children_of(process, "WarmWorker"):
            os.kill(worker, signal.SIGKILL)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output[-3000:]
    assert contents(command.store) == contents(undisturbed.store)
    assert not list((tmp_path / "store" / "scratch").glob("finetune/*"))


def test_hash_seed_locale_working_directory_and_concurrency_change_no_byte(
    tmp_path: Path, ray_temp: str, undisturbed: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = Command(tmp_path, ray_temp)
    command.environment |= {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    monkeypatch.chdir(tmp_path)
    command.run("--set", "resources.max_concurrent=1", "--set", "seeds=[2, 1, 0]")
    assert contents(command.store) == contents(undisturbed.store)


def test_two_drivers_of_one_sweep_share_the_work_and_agree(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    first, second = Command(tmp_path, ray_temp), Command(tmp_path, ray_temp)
    processes = [first.start(), second.start("--out", str(tmp_path / "twin"))]
    for process in processes:
        output, _ = process.communicate(timeout=400)
        assert process.returncode == 0, output[-3000:]
    twin = json.loads((tmp_path / "twin" / "aggregate.json").read_text())
    assert twin["arms"] == first.aggregate()["arms"] == undisturbed.aggregate()["arms"]
    assert len(list((tmp_path / "store").glob("*/*/attempt-*"))) == len(first.store.keys())


def test_a_search_on_ray_asks_what_a_search_in_process_asks(tmp_path: Path, ray_temp: str) -> None:
    more = "search: {trials: 4, batch: 2, seed: 1}"
    options = ["--set", "methods=[naive, {confidence: {alpha: {low: 0.1, high: 0.9}}}]", "--set", "seeds=[0]"]
    on_ray = Command(tmp_path / "ray", ray_temp, more=more)
    in_process = Command(tmp_path / "here", ray_temp, launcher="here", more=more)
    assert on_ray.run(*options)["arms"] == in_process.run(*options)["arms"]


def test_ray_train_with_zero_3_and_two_workers_agrees_and_is_the_same_stage(
    tmp_path: Path, ray_temp: str, undisturbed: Command
) -> None:
    command = Command(tmp_path, ray_temp)
    overrides = (
        "resources.models={s: {launcher: train, workers: 2, zero: 3}}",
        "seeds=[0]",
        "methods=[confidence]",
        "tasks={review: {half: 64, validation: 40, test: 60}}",
    )
    command.run(*(word for override in overrides for word in ("--set", override)))
    students = [key for key in command.store.keys() if "-s-scratch-" in key]
    assert len(students) == 2
    for key in students:
        there, here = command.store.find(key), undisturbed.store.find(key)
        assert there is not None and here is not None
        assert there.identity == here.identity
        assert (there.layout["zero_stage"], there.layout["world_size"]) == (3, 2)
        ours = read_predictions(command.store.open(there))
        theirs = read_predictions(undisturbed.store.open(here))
        assert ours.ids == theirs.ids
        np.testing.assert_allclose(ours.p_NC, theirs.p_NC, atol=1e-5)
