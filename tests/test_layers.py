"""The house: imports run one way, floors keep their third parties, no resource type is named in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.catalog import load

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "adapters": {"engine", "admin", "sandbox"},
    "engine": {"admin", "sandbox"},
    "admin": set(),
    "sandbox": {"adapters", "engine", "admin"},
}
HOME = {
    "httpx": {"adapters"},
    "jinja2": {"engine"},
    "yaml": {"engine", "sandbox"},
    "jsonschema": {"engine"},
    "dramatiq": {"engine"},
    "litestar": {"admin"},
    "sqladmin": {"admin"},
    "typer": {"admin"},
    "openpyxl": {"admin"},
}


def python_files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that the file imports, with its full name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files(package)
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[package]
    ]
    assert upward == []


def test_third_parties_stay_on_their_floor() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files(*FORBIDDEN)
        for name in imports(path)
        if path.relative_to(ROOT).parts[0] not in HOME.get(name.split(".")[0], set(FORBIDDEN))
    ]
    assert strays == []


def test_no_circles() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imports(path) for path in python_files(*FORBIDDEN)
    }
    graph = {name: found & modules.keys() - {name} for name, found in modules.items()}
    while leaves := {name for name, found in graph.items() if not found & graph.keys()}:
        graph = {name: found for name, found in graph.items() if name not in leaves}
    assert graph == {}


def test_packages_open_with_one_docstring_only() -> None:
    full = [
        path
        for path in python_files(*FORBIDDEN)
        if path.name == "__init__.py" and len(ast.parse(path.read_text()).body) > 1
    ]
    assert full == []


def test_every_module_opens_with_a_sentence() -> None:
    silent = [path for path in python_files(*FORBIDDEN) if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


def test_no_record_type_is_named_in_python() -> None:
    names = "|".join(map(re.escape, load(ROOT / "config").specs))
    strays = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in python_files("engine", "adapters", "admin")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(rf"\b({names})\b", line)
    ]
    assert strays == []
