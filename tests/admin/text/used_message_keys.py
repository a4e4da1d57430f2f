"""Message keys that the code uses, in templates and Python: whole keys, and keys with a variable in them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, nodes

ADMIN = Path(__file__).parents[3] / "admin"
ANYTHING = ".+"


@dataclass(frozen=True)
class KeyUse:
    """A call of `say`: a pattern for its key, and the names that it fills in; None if they are not literal."""

    place: str
    pattern: str
    filled: frozenset[str] | None


def key_uses() -> Iterator[KeyUse]:
    """Yield every call of say whose key is not wholly a variable."""
    for path in sorted(ADMIN.rglob("*.py")):
        yield from _of_python(path)
    for path in sorted((ADMIN / "templates").rglob("*.html")):
        yield from _of_template(path)


def constants() -> set[str]:
    """Return every string in Python and templates: the possible values of a variable key."""
    strings = set()
    for path in ADMIN.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        strings |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    for path in (ADMIN / "templates").rglob("*.html"):
        strings |= {str(node.value) for node in _template(path).find_all(nodes.Const)}
    return strings


def _of_python(path: Path) -> Iterator[KeyUse]:
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] == "say" and call.args):
            continue
        for pattern in _python_patterns(call.args[0]):
            names = {keyword.arg for keyword in call.keywords}
            filled = None if None in names else frozenset(name for name in names if name)
            yield KeyUse(f"{path.relative_to(ADMIN)}:{call.lineno}", pattern, filled)


def _python_patterns(key: ast.expr) -> list[str]:
    match key:
        case ast.Constant(value=str(text)):
            return [re.escape(text)]
        case ast.JoinedStr(values=values):
            parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ANYTHING for part in values]
            return ["".join(parts)]
        case ast.IfExp(body=body, orelse=orelse):
            return _python_patterns(body) + _python_patterns(orelse)
    return []


def _of_template(path: Path) -> Iterator[KeyUse]:
    for call in _template(path).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "say" and call.args:
            filled = None if call.dyn_kwargs else frozenset(keyword.key for keyword in call.kwargs)
            for pattern in _template_patterns(call.args[0]):
                yield KeyUse(f"{path.relative_to(ADMIN)}:{call.lineno}", pattern, filled)


def _template_patterns(key: nodes.Node) -> list[str]:
    match key:
        case nodes.Const():
            return [re.escape(str(key.value))]
        case nodes.Concat():
            parts = [re.escape(str(part.value)) if isinstance(part, nodes.Const) else ANYTHING for part in key.nodes]
            return ["".join(parts)]
        case nodes.Add():
            return [
                left + right
                for left in _template_patterns(key.left) or [ANYTHING]
                for right in _template_patterns(key.right) or [ANYTHING]
            ]
        case nodes.CondExpr():
            return _template_patterns(key.expr1) + (_template_patterns(key.expr2) if key.expr2 else [])
    return []


def _template(path: Path) -> nodes.Template:
    return Environment(autoescape=True).parse(path.read_text("utf-8"))
