"""Costly things that tests share: made once for all workers, in databases that need not survive a power cut."""

import fcntl
import os
import sqlite3

import pytest

_connect = sqlite3.connect


def _connect_without_fsync(*args, **options):
    connection = _connect(*args, **options)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


sqlite3.connect = sqlite3.dbapi2.connect = _connect_without_fsync  # MLflow's schema: 6 s of waiting become 1


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """made_once(name, make) → a folder that `make(folder)` filled, in whichever worker came first."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def made(name, make):
        folder, done = root / name, root / f"{name}.done"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def mlflow_template(made_once):
    """A sqlite file with MLflow's schema and nothing in it: copy it, for making one takes a second."""
    from w2s_ray.tracking.client import connect

    return (
        made_once("mlflow-template", lambda folder: connect(f"sqlite:///{folder / 'mlflow.db'}"))
        / "mlflow.db"
    )
