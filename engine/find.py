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
REFERENCE_LENGTH = 200
"""Characters of an upstream's id at most; what is longer is none."""


@dataclass(frozen=True, slots=True)
class Found:
    """One of: a reference; a reply that says the question could not be asked; a problem for a person; nothing."""

    reference: str | None = None
    reply: Reply | None = None
    problem: str | None = None


async def look(find: Find, context: Mapping[str, Any], ask: Callable[[Call], Awaitable[Reply]]) -> Found:
    """Ask, page by page, and pick the one candidate that matches; never the first of several (reference 2.3)."""
    references: set[str | None] = set()
    uncertain = 0
    try:
        call = Call("GET", str(find.path.render(context)), _query(find, context))
        for _ in range(PAGES):
            reply = await ask(call)
            if reply.verdict is not Verdict.ACCEPTED:
                return Found(reply=reply)
            scope = {**context, "body": reply.content}
            candidates = find.candidates.render(scope) or []
            if not isinstance(candidates, list):
                return Found(problem="Jawaban pencarian bukan daftar; seseorang perlu memeriksa.")
            for candidate in candidates:
                verdict = _matches(find, {**scope, "candidate": candidate})
                if verdict:
                    references.add(as_reference(find.reference.render({**context, "candidate": candidate})))
                uncertain += verdict is None
            following = _next(find, scope)
            if not following:
                return _choose(references, uncertain)
            call = Call("GET", call.path, following)
        return Found(problem=f"Pencarian tidak berakhir setelah {PAGES} halaman; seseorang perlu memeriksa.")
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


def _choose(references: set[str | None], uncertain: int) -> Found:
    """The same hit on two pages is one."""
    if len(references) > 1:
        return Found(problem=f"Ditemukan {len(references)} yang cocok; seseorang perlu memilih.")
    if references:
        reference = next(iter(references))
        return Found(reference=reference) if reference else Found(problem="Nomor dari yang ditemukan tidak terbaca.")
    if uncertain:
        return Found(problem=f"Ditemukan {uncertain} yang tidak dapat dipastikan; seseorang perlu memeriksa.")
    return Found()


def as_reference(value: Any) -> str | None:
    """An upstream's id as it is kept; None for what cannot be one."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    text = str(value)
    return text if 0 < len(text) <= REFERENCE_LENGTH and text.isprintable() else None
