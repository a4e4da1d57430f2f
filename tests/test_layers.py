"""Structure of the code: imports run one way, libraries stay in their packages, no record type is named in Python."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

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


FLOORS = {
    "engine": [
        "delivery errors failpoints identifiers json_size keyed_tasks matching private_files redis_broker source "
        "time_slice",
        "json_text settings telemetry",
        "database templates",
        "specs visits",
        "actors catalog.reading facilities notices outbox",
        "catalog.sections limits outbox.adoption outbox.pauses outbox.withdrawal problems queries",
        "catalog.entries",
        "catalog",
        "code_lists inbound",
        "maintenance mapping value_rules",
        "intake sending",
        "sources",
        "subscribers",
        "config_tests corrections draft_trial hub jobs",
        "health recent_facts record_check",
        "alerts",
        "due_times",
        "worker",
    ],
    "adapters": [
        "json_path kept_headers messages wire",
        "outcome_rules",
        "base outbound",
        "clinic_webhook dryrun his_database notifications verdicts",
        "http_upstream",
        "bpjs satusehat",
        "registry",
    ],
    "admin": [
        "logging_config people reload text",
        "http pages.alarms",
        "api inbound pages.login pages.shared",
        "pages.account pages.code_lists pages.corrections pages.deliveries pages.errors pages.first_run pages.health "
        "pages.identity pages.inbound_requests pages.pauses pages.setup pages.switch_facility",
        "pages.inbound_request pages.integrator pages.problems pages.sources pages.visits",
        "alert_messages pages.dashboard pages.mapping problem_review",
        "pages.jobs settings",
        "pages.views",
        "pages.routes",
        "app",
        "commands",
        "cli",
        "__main__",
    ],
    "sandbox": [
        "barriers clock messages population replies wire witness",
        "bpjs faults satusehat.resources site",
        "satusehat.validation",
        "satusehat",
        "areas clinic his kfa reply_writer",
        "world",
        "server",
        "control",
        "app",
        "embedded",
    ],
}
"""Rooms from the lowest floor to the highest: a module imports from its own room and from lower floors only."""
MAX_MODULES = 20
MAX_LINES = 40  # of a function, from `def` to its end


def python_files(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


class Module(NamedTuple):
    """What a file declares: full names that it imports, classes, functions each with its line and length in lines."""

    imports: frozenset[str]
    classes: tuple[str, ...]
    functions: tuple[tuple[str, int, int], ...]
    has_docstring: bool
    statements: int


@cache
def parsed(path: Path) -> Module:
    """Read a file once for all tests."""
    tree = ast.parse(path.read_text("utf-8"))
    names, classes, functions = set[str](), list[str](), list[tuple[str, int, int]]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
        elif isinstance(node, ast.ClassDef):
            classes.append(node.name)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.append((node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1))
    return Module(frozenset(names), tuple(classes), tuple(functions), bool(ast.get_docstring(tree)), len(tree.body))


def imports(path: Path) -> frozenset[str]:
    return parsed(path).imports


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


def test_pages_hold_no_sql() -> None:
    strays = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files("admin/pages")
        for name in imports(path)
        if name.split(".")[0] == "sqlalchemy"
    ]
    assert strays == []


def room(module: str) -> str:
    """Return the folder of a module; a module in a package's root or in admin.pages is a room of its own."""
    folder = module.rsplit(".", 1)[0]
    return module if folder in (*FORBIDDEN, "admin.pages") else folder


def rooms_imported(path: Path, module: str, modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the modules of the same package that a module imports, each with its room."""
    package = module.split(".", 1)[0]
    for name in imports(path) & set(modules):
        if name.startswith(f"{package}.") and room(name) != room(module):
            yield name, room(name)


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_go_to_lower_floors(package: str) -> None:
    floor_of = {f"{package}.{name}": number for number, names in enumerate(FLOORS[package]) for name in names.split()}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in python_files(package)
        if path.name != "__init__.py"
    }
    assert {room(module) for module in modules} == floor_of.keys()
    upward = [
        f"{module} ({room(module)}) imports {name}"
        for module, path in modules.items()
        for name, other in rooms_imported(path, module, modules)
        if floor_of[other] >= floor_of[room(module)]
    ]
    assert upward == []


def test_inside_a_room_are_no_circles() -> None:
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): imports(path) for path in python_files(*FORBIDDEN)
    }
    graph = {name: names & modules.keys() - {name} for name, names in modules.items()}
    while leaves := {name for name, names in graph.items() if not names & graph.keys()}:
        graph = {name: names for name, names in graph.items() if name not in leaves}
    assert graph == {}


def test_no_folder_has_more_than_20_modules() -> None:
    modules = Counter(path.parent for path in python_files(*FORBIDDEN) if path.name != "__init__.py")
    assert {str(folder.relative_to(ROOT)): n for folder, n in modules.items() if n > MAX_MODULES} == {}


def test_packages_open_with_one_docstring_only() -> None:
    full = [path for path in python_files(*FORBIDDEN) if path.name == "__init__.py" and parsed(path).statements > 1]
    assert full == []


def test_no_two_classes_have_one_name() -> None:
    names = Counter(name for path in python_files("engine", "adapters", "admin") for name in parsed(path).classes)
    assert [name for name, n in names.items() if n > 1] == []


def test_every_module_opens_with_a_sentence() -> None:
    assert [path for path in python_files(*FORBIDDEN) if not parsed(path).has_docstring] == []


def test_no_record_type_is_named_in_python() -> None:
    names = "|".join(map(re.escape, load(ROOT / "config").specs))
    one = re.compile(rf"\b({names})\b")
    strays = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in python_files("engine", "adapters", "admin")
        if one.search(text := path.read_text("utf-8"))
        for number, line in enumerate(text.splitlines(), 1)
        if one.search(line)
    ]
    assert strays == []


def test_no_function_has_more_than_40_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in python_files(*FORBIDDEN, "bench")
        for name, line, lines in parsed(path).functions
        if lines > MAX_LINES
    ]
    assert long == []
