"""Finds text for people outside the message catalogue: in templates, in the Python of pages, in scripts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes

from tests.admin.text.used_message_keys import ADMIN

# attributes that are displayed or read aloud
READ_ATTRIBUTES = {"title", "aria-label", "aria-description", "placeholder", "alt", "data-tip", "data-say"}
WORD = re.compile(r"[^\W\d_]{2,}")
PHRASE = re.compile(r"[^\W\d_]{2,},? [^\W\d_]{2,}|^[A-Z][a-z]{2,}[.!?…]*$")
MACHINE = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH|AND|OR|WHERE|ORDER BY|LIMIT|EXISTS|FROM|JOIN|CAST)\b")
WRITTEN_BY_SCRIPT = re.compile(
    r"""(?:(?:textContent|innerText|innerHTML|title|placeholder|ariaLabel)\s*=|\b(?:alert|confirm|prompt)\()\s*"""
    r"""["'`](?P<words>[^"'`]*)["'`]"""
)
# Attributes written by an expression or a macro appear in the parsed text.
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
_GAP = re.compile("\x01(\\d+)\x01")


def in_templates() -> Iterator[str]:
    """Yield `file:line: words` for text and attributes."""
    for path in sorted((ADMIN / "templates").rglob("*.html")):
        texts = untranslated(path.read_text("utf-8"))
        yield from (f"{path.relative_to(ADMIN)}:{line}: {words}" for line, words in texts)


def untranslated(template: str) -> list[tuple[int, str]]:
    """Return (line, words) of one template."""
    return _Reader(template).untranslated


def in_pages() -> Iterator[str]:
    """Yield phrases and capitalised words among the strings of pages, without docstrings, SQL and exceptions."""
    for folder in ("pages", "settings"):
        for path in sorted((ADMIN / folder).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            silent = set(_silent(tree))
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and id(node) not in silent and _phrase(node.value):
                    yield f"{path.relative_to(ADMIN)}:{node.lineno}: {node.value}"


def in_scripts() -> Iterator[str]:
    """Yield text that a script writes into the page on its own."""
    for path in sorted((ADMIN / "static").glob("*.js")):
        for match in WRITTEN_BY_SCRIPT.finditer(path.read_text("utf-8")):
            if WORD.search(re.sub(r"\$\{[^}]*\}|<[^>]*>", "", match["words"])):
                yield f"{path.name}: {match['words']}"


def _phrase(value: object) -> bool:
    return isinstance(value, str) and bool(PHRASE.search(value)) and not MACHINE.match(value)


def _silent(tree: ast.Module) -> Iterator[int]:
    """Yield the strings that nobody reads: docstrings, bare strings, annotations, names in calls of text()."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            yield id(node.value)
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            yield from (id(part) for part in ast.walk(node.annotation))
        if isinstance(node, ast.JoinedStr):  # its parts are names more often than sentences
            yield from (id(part) for part in node.values if " " not in ast.unparse(part).strip())
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"text", "say", "log.info", "log.warning"}:
            yield from (id(argument) for argument in node.args)


class _Reader(HTMLParser):
    """Reads a template as HTML; its expressions are gaps whose own strings are checked."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.untranslated: list[tuple[int, str]] = []
        self._expressions: list[str] = []
        self._quiet = 0
        self.feed(self._with_gaps(source))

    def _with_gaps(self, source: str) -> str:
        kept, expression = [], None
        for _, token, value in Environment().lex(source):
            if token == "variable_begin":
                expression = ""
            elif token == "variable_end":
                kept.append(f"\x01{len(self._expressions)}\x01")
                self._expressions.append(expression or "")
                expression = None
            elif expression is not None:
                expression += value
            else:
                kept.append(value if token == "data" else "\n" * value.count("\n"))
        return "".join(kept)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in {"script", "style", "code"}
        for name, value in attrs:
            if name in READ_ATTRIBUTES and value:
                self._look(value)

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in {"script", "style", "code"}

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self._look(data)

    def _look(self, text: str) -> None:
        texts = [_GAP.sub("", text), *(w for n in _GAP.findall(text) for w in _results(self._expressions[int(n)]))]
        outside = [_ATTRIBUTE.sub("", text) for text in texts]
        self.untranslated += [(self.getpos()[0], " ".join(words.split())) for words in outside if WORD.search(words)]


def _results(expression: str) -> Iterator[str]:
    """Yield the strings that an expression may result in."""
    [output] = Environment().parse("{{" + expression + "}}").body
    yield from _outcomes(output.nodes[0]) if isinstance(output, nodes.Output) else ()


def _outcomes(node: nodes.Node) -> Iterator[str]:
    match node:
        case nodes.Const() | nodes.TemplateData():
            yield str(node.value if isinstance(node, nodes.Const) else node.data)
        case nodes.CondExpr():
            yield from _outcomes(node.expr1)
            yield from _outcomes(node.expr2) if node.expr2 else ()
        case nodes.Concat():
            yield from (text for part in node.nodes for text in _outcomes(part))
        case nodes.BinExpr():
            yield from _outcomes(node.left)
            yield from _outcomes(node.right)
        case nodes.Filter() if node.node and node.name in {"safe", "default", "upper"}:
            yield from _outcomes(node.node)
