"""Search: parameters to a searchset bundle with paging."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.resources.definitions import Definition, SearchParameter, definition
from sandbox.satusehat.resources.masks import masked
from sandbox.satusehat.resources.outcomes import store_issue, store_refused
from sandbox.satusehat.resources.paths import values
from sandbox.satusehat.resources.store import Resource, Store, Stored

CONTROLS = frozenset({"_count", "_page_token", "_sort", "_include", "_revinclude", "_elements", "_total"})

# How much of a person is visible, by the only parameter of the search.
_VIEWS = {"identifier": "nik", "_id": "read"}


def search(store: Store, kind: str, request: SandboxRequest, page_size: int) -> SandboxAnswer:
    """SandboxAnswer GET {Type}?...: 200 with a searchset, 400 for a parameter that the type does not have."""
    parameters = parse_qsl(request.query, keep_blank_values=True)
    kind_definition = definition(kind)
    criteria = [(name, value) for name, value in parameters if name not in CONTROLS]
    if (problem := _problem(kind_definition, criteria)) is not None:
        return problem
    controls = {name: value for name, value in parameters if name in CONTROLS}
    size, start = _whole(controls.get("_count"), page_size), _offset(controls.get("_page_token"))
    if size is None or start is None:
        return _invalid_query("invalid paging parameter")
    hits = _hits(store, kind, kind_definition, criteria)
    view = _VIEWS.get(" ".join(name for name, _ in criteria), "name")
    page = [masked(hit.resource, view=view) for hit in hits[start : start + size]]
    following = start + size if start + size < len(hits) else None
    return json_answer(200, _searchset(request, kind, parameters, page, len(hits), following))


def _problem(kind_definition: Definition, criteria: list[tuple[str, str]]) -> SandboxAnswer | None:
    names = {name.partition(":")[0] for name, _ in criteria}
    for name, needed in kind_definition.search_requires.items():
        if name in names and needed not in names:
            return _invalid_query(f"Missing query parameters: {needed}")
    if unknown := sorted(names - set(kind_definition.search) - kind_definition.search_ignored):
        return _invalid_query(f"invalid search parameter: {', '.join(unknown)}")
    return None


def _invalid_query(diagnostics: str) -> SandboxAnswer:
    return store_refused(store_issue("invalid_query", diagnostics, code="value"))


def _hits(store: Store, kind: str, kind_definition: Definition, criteria: list[tuple[str, str]]) -> list[Stored]:
    """Return all matches, oldest first; an index narrows the candidates where a criterion allows it."""
    tests = [
        (kind_definition.search[name.partition(":")[0]], value)
        for name, value in _known_criteria(kind_definition, criteria)
    ]
    candidates: Iterable[Stored] = store.of_type(kind)
    for parameter, value in tests:
        if parameter.kind == "reference" or (parameter.name == "identifier" and "|" in value):
            candidates = store.having(kind, value)
            break
    matching = [one for one in candidates if all(_matches(one.resource, *criterion) for criterion in tests)]
    return sorted(matching, key=lambda one: one.sequence)


def _known_criteria(kind_definition: Definition, criteria: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in criteria if name.partition(":")[0] in kind_definition.search]


def _matches(resource: Resource, parameter: SearchParameter, sought: str) -> bool:
    test = _TESTS[parameter.kind]
    return any(test(value, sought) for value in values(resource, parameter.path))


def _is_token(value: Any, sought: str) -> bool:
    """Match `system|code`, `|code` or `code` against a code, Coding, CodeableConcept or Identifier."""
    if not isinstance(value, dict):
        return str(value) == sought
    if "coding" in value:
        return any(_is_token(coding, sought) for coding in value["coding"])
    system, bar, code = sought.rpartition("|")
    same_system = not bar or system == value.get("system", "")
    return same_system and code in (value.get("code"), value.get("value"))


def _is_reference(value: Any, sought: str) -> bool:
    reference = str(value.get("reference", "")) if isinstance(value, dict) else ""
    return reference == sought or ("/" not in sought and reference.partition("/")[2] == sought)


def _contains(value: Any, sought: str) -> bool:
    text = str(value.get("text", "")) if isinstance(value, dict) else str(value)
    return all(word in text.lower() for word in sought.lower().split())


def _is_date(value: Any, sought: str) -> bool:
    """Match a prefix of the value, or `ge`/`gt`/`le`/`lt` before it; a Period counts by its start."""
    text = str(value.get("start", "")) if isinstance(value, dict) else str(value)
    operator, limit = (sought[:2], sought[2:]) if sought[:2].isalpha() else ("eq", sought)
    part = text[: len(limit)]
    compared = {"eq": part == limit, "ge": part >= limit, "gt": part > limit}
    compared |= {"le": part <= limit, "lt": part < limit}
    return bool(text) and compared.get(operator, False)


_TESTS: dict[str, Callable[[Any, str], bool]] = {
    "token": _is_token,
    "reference": _is_reference,
    "string": _contains,
    "date": _is_date,
}


def _whole(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if text.isdecimal() and 0 < int(text) <= 1000 else None


def _offset(token: str | None) -> int | None:
    if token is None:
        return 0
    try:
        return _whole(urlsafe_b64decode(token.encode()).decode(), 0)
    except (Base64Error, UnicodeDecodeError, ValueError):
        return None


def _searchset(
    request: SandboxRequest,
    kind: str,
    parameters: list[tuple[str, str]],
    page: list[Resource],
    total: int,
    following: int | None,
) -> dict[str, Any]:
    base = f"{request.base_url}/fhir-r4/v1/{kind}"
    without_token = [pair for pair in parameters if pair[0] != "_page_token"]
    here, first = f"{base}/?{urlencode(parameters)}", f"{base}/?{urlencode(without_token)}"
    links = [("search", first), ("first", first), ("self", here)]
    if following is not None:
        token = urlsafe_b64encode(str(following).encode()).decode()
        links.append(("next", f"{base}/?{urlencode([*without_token, ('_page_token', token)])}"))
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links],
        "entry": [{"fullUrl": f"{base}/{one['id']}", "resource": one} for one in page],
    }
