"""Who may know whom: the layout of docs/architecture.md, read from the imports."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

# package: what its modules must not import
FORBIDDEN = {
    "client/riskmask/client": ("riskmask.server", "riskmask.model", "onnxruntime", "torch", "cv2"),
    "server/riskmask/server": ("riskmask.client", "torch"),
    "server/riskmask/server/engine": ("riskmask.v1", "google", "grpc"),
    "server/riskmask/server/decoding": ("riskmask.v1", "google", "grpc", "onnxruntime", "cv2"),
    "server/riskmask/server/verification": ("riskmask.v1", "google", "grpc"),
    "model/riskmask/model": ("riskmask.v1", "riskmask.client", "riskmask.server", "google", "grpc"),
    "model/riskmask/model/runtime": ("torch", "riskmask.model.train", "riskmask.model.codecs"),
}
# Loads the engine into the client's process, and only when it is asked to.
LOCAL = "client/riskmask/client/_local.py"
COMMANDS = "client/riskmask/client/cli"


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def at_import(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions."""

    class Hollow(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            typing_only = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            return None if typing_only else self.generic_visit(node)

    hollow = Hollow().visit(tree)
    assert isinstance(hollow, ast.Module)
    return hollow


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_only_what_it_may_know(
    checkout: Path, files: tuple[str, ...], package: str
) -> None:
    modules = [name for name in files if name.startswith(f"{package}/") and name.endswith(".py")]
    assert modules
    wrong = []
    for name in modules:
        tree = ast.parse((checkout / name).read_text(encoding="utf-8"))
        lazy_allowed = name == LOCAL or name.startswith(COMMANDS)
        for module in imported(at_import(tree) if lazy_allowed else tree):
            for forbidden in FORBIDDEN[package]:
                if module == forbidden or module.startswith(f"{forbidden}."):
                    wrong.append(f"{name} imports {module}")
    assert wrong == []
