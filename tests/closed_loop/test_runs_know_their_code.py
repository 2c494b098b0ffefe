"""A run that goes on is held to all the code that decides what it measures."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from riskmask.model import annotators
from riskmask.server import engine
from riskmask.server.closed_loop import loop
from riskmask.server.decision_bench import bench

# What they make is known by its hash, or decides nothing that is measured.
PICTURES = {  # are held by their hashes, labels by their text
    *("corpus", "data.items", "data.label_rows", "data.picture_hash", "data.picture_store"),
    *("data.pictures", "data.planes", "data.recipe", "data.shards"),
}
LABELLING = {"label.factory", "label.job", "label.subject"}  # of which only the annotators are made
NOTHING = {"runs", "torchvision_ops", "whole_file"}  # reading, writing and loading
EXCEPTIONS = {f"riskmask.model.{name}" for name in PICTURES | LABELLING | NOTHING} | {
    "riskmask.server.closed_loop.record",
    "riskmask.server.decision_bench.record",
    "riskmask.server.closed_loop.maps",  # which map an allocation is made of: the loop hashes it
}


def _files(module: ModuleType) -> Iterator[Path]:
    if hasattr(module, "__path__"):
        for folder in module.__path__:
            yield from Path(folder).rglob("*.py")
    elif module.__file__ is not None:
        yield Path(module.__file__)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("riskmask."):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, and it a name in it
        return False


@pytest.mark.parametrize("measuring", [loop.MEASURING, bench.MEASURING], ids=["loop", "decisions"])
def test_what_the_measuring_code_uses_is_hashed_too(measuring: Sequence[ModuleType]) -> None:
    hashed = {path for module in (*measuring, engine, annotators) for path in _files(module)}
    used = {name for path in hashed for name in _imported(path) if _is_module(name)}
    modules = [importlib.import_module(name) for name in sorted(used - EXCEPTIONS)]
    single = [module for module in modules if not hasattr(module, "__path__")]
    assert len(single) > 50
    assert [module.__name__ for module in single if not set(_files(module)) <= hashed] == []
