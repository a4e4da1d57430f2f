"""Searches the upstream for a record that may have arrived already, by the entry's `find`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from adapters.base import Call, Reply, Verdict
from adapters.messages import message
from engine.specs.record_type import Find
from engine.templates.template import TemplateError

MAX_PAGES = 20  # of one search
REFERENCE_LENGTH = 200  # characters of an upstream's id; a longer text is not an id


@dataclass(frozen=True, slots=True)
class FindResult:
    """At most one of: the reference; the reply that ended the search; a problem that a person has to solve."""

    reference: str | None = None
    reply: Reply | None = None
    problem: str | None = None


@dataclass(slots=True)
class _Seen:
    """The rows of all pages read so far."""

    references: set[str | None] = field(default_factory=set)
    uncertain: int = 0
    unreadable: str = ""  # the error of the first row that could not be read
    rows: set[bytes] = field(default_factory=set)  # distinct rows: a page that comes twice adds none
    offset: int = 0
    total: int = 0  # the highest number of rows that an answer stated; 0: no answer stated one

    @property
    def is_incomplete(self) -> bool:
        return len(self.rows) < self.total


async def look(find: Find, context: Mapping[str, Any], ask: Callable[[Call], Awaitable[Reply]]) -> FindResult:
    """Search page by page and return the only candidate that matches; never the first of several."""
    seen = _Seen()
    try:
        call: Call | None = _call(find, context, seen)
        for _ in range(MAX_PAGES):
            assert call is not None, "the loop ends with the last page"  # noqa: S101
            reply = await ask(call)
            if reply.verdict is not Verdict.ACCEPTED:
                return FindResult(reply=reply)
            scope = {**context, "body": reply.content}
            candidates = find.candidates.render(scope) or []
            if not isinstance(candidates, list):
                return FindResult(problem=message("find.not_a_list"))
            is_new = _take(find, scope, candidates, seen)
            call = _next(find, context, scope, call, seen, len(candidates) if is_new else 0)
            if call is None:
                return _choose(seen)
        return FindResult(problem=message("find.endless", pages=MAX_PAGES))
    except TemplateError as error:
        return FindResult(problem=message("find.unreadable", error=str(error)))


def first_request(find: Find, context: Mapping[str, Any]) -> Call:
    """Return the request with which the search begins. Raises TemplateError."""
    return _call(find, context, _Seen())


def _call(find: Find, context: Mapping[str, Any], seen: _Seen) -> Call:
    scope = {**context, **find.paging(seen.offset)}
    query = find.query.parameters(scope) if find.query else ()
    return Call("GET", str(find.path.render(scope)), query, base_path=find.base_path)


def _take(find: Find, scope: Mapping[str, Any], candidates: list[Any], seen: _Seen) -> bool:
    """Add the rows of a page; return whether one of them is new."""
    total = find.total.render(scope) if find.total else None
    if (words := str(total)).isdecimal():
        seen.total = max(seen.total, int(words))
    before = len(seen.rows)
    seen.offset += len(candidates)
    for candidate in candidates:
        seen.rows.add(orjson.dumps(candidate, option=orjson.OPT_SORT_KEYS))
        hit = {**scope, "candidate": candidate}
        try:
            verdict = True if find.match is None else find.match.render(hit)
        except TemplateError as error:  # this row may be ours or not, and another row may match
            seen.unreadable = seen.unreadable or str(error)
            continue
        if verdict:
            seen.references.add(as_reference(find.reference.render(hit)))
        seen.uncertain += verdict is None
    return len(seen.rows) > before


def _next(
    find: Find, context: Mapping[str, Any], scope: Mapping[str, Any], call: Call, seen: _Seen, brought: int
) -> Call | None:
    """Return the request for the next page; None after the last."""
    # Only the query of the next page's address is used: no answer may send us to another host.
    address = find.next.render(scope) if find.next else None
    query = tuple(parse_qsl(urlsplit(str(address)).query)) if address else ()
    if query:
        return Call("GET", call.path, query, base_path=find.base_path)
    if find.page_size is None or not brought:
        return None
    more = seen.is_incomplete if seen.total else brought >= find.page_size
    return _call(find, context, seen) if more else None


def _choose(seen: _Seen) -> FindResult:
    """Return the result of the search. Only if every row was read, no match proves that the record is not there."""
    if len(seen.references) > 1:
        return FindResult(problem=message("find.several", n=len(seen.references)))
    if seen.references:
        reference = next(iter(seen.references))
        return FindResult(reference=reference) if reference else FindResult(problem=message("find.no_reference"))
    if seen.uncertain:
        return FindResult(problem=message("find.uncertain", n=seen.uncertain))
    if seen.is_incomplete:
        return FindResult(problem=message("find.incomplete", n=len(seen.rows), total=seen.total))
    if seen.unreadable:
        return FindResult(problem=message("find.unreadable_row", error=seen.unreadable))
    return FindResult()


def as_reference(value: Any) -> str | None:
    """Return an upstream's id as it is stored; None for a value that cannot be an id."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if 0 < len(text) <= REFERENCE_LENGTH and text.isprintable() else None
