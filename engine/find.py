"""Looking whether a record already arrived, by the entry's `find`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.base import Call, Reply, Verdict
from engine.spec import Find
from engine.template import TemplateError

PAGES = 20
"""Pages of a search that are read at most."""


@dataclass(frozen=True, slots=True)
class Found:
    """One of: a reference; a reply that says the question could not be asked; a problem for a person; nothing."""

    reference: str | None = None
    reply: Reply | None = None
    problem: str | None = None


async def look(find: Find, context: Mapping[str, Any], ask: Callable[[Call], Awaitable[Reply]]) -> Found:
    """Ask, page by page, and pick the one candidate that matches; never the first of several (reference 2.3)."""
    matches: list[Any] = []
    uncertain = 0
    try:
        call = Call("GET", str(find.path.render(context)), _query(find, context))
        for _ in range(PAGES):
            reply = await ask(call)
            if reply.verdict is not Verdict.ACCEPTED:
                return Found(reply=reply)
            scope = {**context, "body": reply.content}
            for candidate in find.candidates.render(scope) or []:
                verdict = _matches(find, {**scope, "candidate": candidate})
                if verdict:
                    matches.append(candidate)
                uncertain += verdict is None
            following = _next(find, scope)
            if not following:
                break
            call = Call("GET", call.path, following)
        return _choose(find, context, matches, uncertain)
    except TemplateError as error:
        return Found(problem=f"Jawaban pencarian tidak dapat dibaca: {error}")


def _query(find: Find, context: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    rendered = find.query.render(context) if find.query else None
    return tuple((name, str(value)) for name, value in (rendered or {}).items())


def _matches(find: Find, scope: Mapping[str, Any]) -> bool | None:
    if find.match is None:
        return True
    value = find.match.render(scope)
    return None if value is None else bool(value)


def _next(find: Find, scope: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Of the next page's address only the query counts: no answer may send us to another host."""
    address = find.next.render(scope) if find.next else None
    return tuple(parse_qsl(urlsplit(str(address)).query)) if address else ()


def _choose(find: Find, context: Mapping[str, Any], matches: list[Any], uncertain: int) -> Found:
    if len(matches) == 1:
        reference = find.reference.render({**context, "candidate": matches[0]})
        return Found(reference=str(reference)) if reference else Found(problem="Yang ditemukan tidak bernomor.")
    if len(matches) > 1:
        return Found(problem=f"Ditemukan {len(matches)} yang cocok; seseorang perlu memilih.")
    if uncertain:
        return Found(problem=f"Ditemukan {uncertain} yang tidak dapat dipastikan; seseorang perlu memeriksa.")
    return Found()
