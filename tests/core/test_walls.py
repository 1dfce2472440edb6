"""Walls of the house that a reader of one file cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import w2s_ray

PACKAGE = Path(w2s_ray.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def calls_of(path: Path, name: str) -> list[int]:
    """The lines on which something of this name is called."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    return [
        node.lineno
        for node in nodes
        if name in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
    ]


def test_only_one_file_builds_identity():
    makers = {path.relative_to(PACKAGE).as_posix() for path in MODULES if calls_of(path, "Stage")}
    assert makers == {"core/graph.py"}


def test_a_stage_is_never_changed_into_another_one():
    """`replace(stage, …)` would be a second place that builds identity; the specs of core are data."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "replace" and node.args:
                assert getattr(node.args[0], "id", "") != "stage", f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").glob("*.py")), ids=lambda path: path.name)
def test_core_imports_the_standard_library_only(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.startswith("w2s_ray.core") or name.split(".")[0] in sys.stdlib_module_names, name


def test_core_runs_without_any_installed_package():
    names = [f"w2s_ray.core.{path.stem}" for path in (PACKAGE / "core").glob("[a-z]*.py")]
    code = f"import {', '.join(names)}; print('ok')"
    command = [sys.executable, "-S", "-c", code]
    assert subprocess.check_output(command, cwd=PACKAGE.parent, text=True).strip() == "ok"
