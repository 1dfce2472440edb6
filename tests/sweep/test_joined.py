"""A sweep on a cluster that is already there: joined by address, and left as it was found."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sweep.test_ray import Command, contents

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """Two nodes of one CPU each, of their own ports and temporary folder."""
    import ray
    from ray.cluster_utils import Cluster

    temporary = tempfile.mkdtemp(prefix="w2s-two-")
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "temp_dir": temporary, "include_dashboard": False},
    )
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    shutil.rmtree(temporary, ignore_errors=True)


def test_a_joined_cluster_gives_the_same_bytes_and_survives_the_sweep(two_nodes: Any, tmp_path: Path) -> None:
    here = Command(tmp_path / "here", "", launcher="here")
    here.run()
    there = Command(tmp_path / "there", "")
    there.environment.pop("W2S_RAY_TEMP")
    aggregate = there.run("--address", two_nodes.address, "--set", "resources.max_concurrent=4")
    assert aggregate["arms"] == here.aggregate()["arms"]
    assert contents(there.store) == contents(here.store)
    assert not there.leftovers()
    nodes = [node for node in two_nodes.list_all_nodes() if node.any_processes_alive()]
    assert len(nodes) == 2


def test_ray_address_joins_without_being_asked_on_the_command_line(two_nodes: Any, tmp_path: Path) -> None:
    command = Command(tmp_path, "")
    command.environment = {**command.environment, "RAY_ADDRESS": two_nodes.address}
    command.environment.pop("W2S_RAY_TEMP")
    aggregate = command.run("--set", "seeds=[0]", "--set", "methods=[naive]")
    assert aggregate["complete"]
    assert os.environ.get("RAY_ADDRESS") is None


def test_an_address_where_nobody_answers_exits_3_and_says_so(tmp_path: Path) -> None:
    command = Command(tmp_path, "")
    process = command.start("--address", "127.0.0.1:1")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 3, output[-2000:]
    assert "127.0.0.1:1" in output
