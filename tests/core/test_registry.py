"""Names: unique, and where one is not known, the nearest is told."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from w2s_ray.core.errors import ConfigError
from w2s_ray.core.registry import Registry, unknown


@pytest.fixture
def methods():
    registry: Registry[int] = Registry("method")
    for number, name in enumerate(("naive", "confidence", "bootstrap")):
        registry.add(name)(number)
    return registry


def test_entries_are_found_by_name_and_listed_in_order(methods):
    assert methods["naive"] == 0 and "naive" in methods and "nave" not in methods
    assert list(methods) == ["bootstrap", "confidence", "naive"] and len(methods) == 3


@pytest.mark.parametrize(
    ("wrong", "near"), [("confidense", "confidence"), ("Naive", "naive"), ("bootstraps", "bootstrap")]
)
def test_a_misspelt_name_gets_the_nearest_one(methods, wrong, near):
    with pytest.raises(ConfigError, match=f"unknown method '{wrong}'; did you mean '{near}'"):
        methods[wrong]


def test_a_name_like_no_other_gets_all_of_them(methods):
    with pytest.raises(ConfigError, match="unknown method 'zzz'; known: bootstrap, confidence, naive"):
        methods["zzz"]


def test_a_name_taken_twice_is_our_own_mistake(methods):
    with pytest.raises(ValueError, match="'naive' is registered twice"):
        methods.add("naive")(9)


def test_nothing_is_known_of_an_empty_registry():
    assert unknown("task", "x", []) == "unknown task 'x'; known: "


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """A package of two plug-ins, and the registry that is found in its `base` module."""
    package = tmp_path / "plugins_under_test"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "base.py").write_text(
        "from w2s_ray.core.registry import Registry\nR = Registry('plugin', package='plugins_under_test')\n"
    )
    for name in ("one", "two"):
        (package / f"{name}.py").write_text(
            f"import time; time.sleep(0.05)\nfrom .base import R\nR.add('{name}')('{name}')\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.startswith("plugins_under_test")]:
        del sys.modules[name]


def registry():
    from plugins_under_test.base import R

    return R


def test_a_file_that_exists_is_registered(plugins):
    assert list(registry()) == ["one", "two"]


def test_a_second_thread_waits_until_all_entries_are_there(plugins):
    found, entries = [], registry()
    threads = [threading.Thread(target=lambda: found.append(list(entries))) for _ in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert found == [["one", "two"]] * 4


def test_half_a_registry_never_answers(plugins):
    (plugins / "broken.py").write_text("raise ImportError('a package is missing')\n")
    for _ in range(2):
        with pytest.raises(ImportError, match="a package is missing"):
            registry()["two"]
    (plugins / "broken.py").unlink()
    assert registry()["two"] == "two"
