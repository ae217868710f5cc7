"""The house's laws that can be read off its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fakecri"
CORE = sorted((PACKAGE / "core").rglob("*.py"))
SOURCES = sorted(PACKAGE.rglob("*.py"))

IMPURE = {"asyncio", "datetime", "grpc", "os", "random", "threading", "time", "uuid"}
INNER_ROOMS = {"fakecri.api", "fakecri.core", "fakecri.errors", "fakecri.rpcs"}

GRPC_ROOMS = {
    "api",
    "channel.py",
    "cli",
    "control",
    "face.py",
    "reflection.py",
    "relay.py",
    "server.py",
    "stub.py",
    "verify",
}
# Real sockets have an event loop of their own; a runtime's events come while calls are made.
THREAD_ROOMS = {"host.py", "loops.py", "network", "verify"}
# Real runtimes and kubelets take real time, and are waited for.
WALL_CLOCK_ROOMS = {"kubelet", "pace.py", "verify"}


def imports(source: Path) -> Iterator[str]:
    """Name each module that a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room(source: Path) -> str:
    """Name the room of a source: its file, or its folder in the package."""
    return source.relative_to(PACKAGE).parts[0]


def rooms_that_import(module: str) -> set[str]:
    """Name the rooms that import a top-level module."""
    return {
        room(source)
        for source in SOURCES
        if module in {name.partition(".")[0] for name in imports(source)}
    }


@pytest.mark.parametrize("source", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_imports_nothing_impure(source: Path) -> None:
    assert not IMPURE & {name.partition(".")[0] for name in imports(source)}


@pytest.mark.parametrize("source", CORE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_imports_no_outer_room(source: Path) -> None:
    ours = {name for name in imports(source) if name.startswith("fakecri")}
    assert all(any(name.startswith(inner) for inner in INNER_ROOMS) for name in ours - {"fakecri"})


def test_the_check_would_notice_an_impure_import(tmp_path: Path) -> None:
    source = tmp_path / "impure.py"
    source.write_text("def f():\n    import os.path\n")
    assert {name.partition(".")[0] for name in imports(source)} & IMPURE


def test_the_wall_clock_is_read_in_one_room() -> None:
    assert rooms_that_import("time") <= WALL_CLOCK_ROOMS


def test_threads_are_known_in_the_outer_rooms_alone() -> None:
    assert rooms_that_import("threading") <= THREAD_ROOMS


def test_no_random_numbers_are_drawn_anywhere() -> None:
    assert not rooms_that_import("random") | rooms_that_import("uuid")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(source: Path) -> None:
    text = source.read_text()
    assert text.count("\n") <= 400 or source.name == "stubs.py"  # which is generated
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name
