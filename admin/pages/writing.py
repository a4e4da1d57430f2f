"""What a person writes in place of a payload: read, checked, compared; identifiers hidden and put back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from admin.masking import Masks
from admin.pages.differences import Line, differences
from admin.pages.folded import pretty, twice
from admin.pages.opened import Opened
from admin.words import number, say
from engine.errors import AntarError
from engine.outbox.edit import Basis, Edit, last_edit
from engine.preview import payload_of

LONGEST = 500_000
"""Characters that a body may have."""


_SEEN = re.compile(r"(\d{1,9})\.(\d{1,15})\.([01])\.(\w+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """What keeps a body from being sent; `line` 0: it is of no line."""

    place: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page showed when it was opened, as it travels through the form."""

    basis: Basis
    spec_hash: str

    def __str__(self) -> str:
        basis = self.basis
        return f"{basis.version}.{basis.edit}.{int(basis.arrived)}.{self.spec_hash}"

    @classmethod
    def read(cls, said: str) -> Seen:
        """What `str` made of it; of anything else one that nothing matches."""
        found = _SEEN.fullmatch(said)
        if found is None:
            return cls(Basis(-1), "")
        return cls(Basis(int(found[1]), int(found[2]), found[3] == "1"), found[4])


@dataclass
class Desk:
    """A delivery on the desk of somebody who edits it: the payload of now, and what others wrote meanwhile."""

    found: Opened
    generated: str
    """The payload as indented JSON; empty if it cannot be made."""
    not_generated: str
    last: Edit | None

    @cached_property
    def masks(self) -> Masks:
        """A hidden number in what was typed stands for one that is in the payload or in the last edit."""
        return Masks([self.generated, self.found.row.body or ""])

    @property
    def now(self) -> Seen:
        """What is shown now."""
        row = self.found.row
        basis = Basis(row.version, self.last.id if self.last else 0, row.reference is not None)
        return Seen(basis, self.found.entry.hash)

    @property
    def stored(self) -> str:
        """Where the writing begins: what a person wrote, else the payload; identifiers hidden."""
        written = self.found.row.body
        return self.masks.hide(self._as_change(written) if written else self.generated or "{}")

    def _as_change(self, written: str) -> str:
        """What was written to create something lacks the upstream's id, by which the next request changes it."""
        content, payload = (orjson.loads(text) if text else None for text in (written, self.generated))
        if not isinstance(content, dict) or not isinstance(payload, dict) or not self.now.basis.arrived:
            return written
        names = {name: value for name, value in payload.items() if value == self.found.row.reference}
        if names.keys() <= content.keys():
            return written
        return orjson.dumps({**names, **content}, option=orjson.OPT_INDENT_2).decode()

    def read(self, typed: str) -> tuple[str, list[Fault]]:
        """The body that would be sent, and what is wrong with it."""
        if len(typed) > LONGEST:
            return "", [Fault("", say("editor.too_long", most=number(LONGEST)))]
        body, unknown = self.masks.restore(typed)
        if unknown:
            return body, [_at(each.line, each.column, say("editor.unknown_mask", text=each.text)) for each in unknown]
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return body, [_at(error.lineno, error.colno, say("editor.no_json"))]
        faults = [Fault(key, say("editor.twice", key=key)) for key in twice(body)]
        if isinstance(content, dict) is not self.generated.lstrip().startswith("{") and self.generated:
            return body, [*faults, Fault("$", say("editor.other_kind"))]
        return body, [*faults, *self._refused(content)]

    def difference(self, typed: str) -> list[Line] | None:
        """Between the payload of now and what was typed; None: there is no payload, or too much to compare."""
        return self._against(self.generated, typed) if self.generated else None

    def theirs(self, typed: str) -> list[Line] | None:
        """Between what stands there now and what was typed."""
        return self._against(self.found.row.body or self.generated, typed)

    def _against(self, before: str, typed: str) -> list[Line] | None:
        body, _ = self.masks.restore(typed)
        hide = self.masks.hide
        return differences(hide(pretty(before)), hide(pretty(body)))

    def _refused(self, content: Any) -> list[Fault]:
        """What the upstream is known to refuse."""
        upstream = self.found.hub.upstream(self.found.around.upstream.name)
        problems = upstream.check(content) if self.found.entry.check else ()
        return [Fault(problem.path, self.masks.hide(problem.message)) for problem in problems]


async def desk(found: Opened) -> Desk:
    """Raises nothing for a payload that cannot be made: mending that may be why somebody writes."""
    generated, problem = "", ""
    try:
        payload = await payload_of(found.hub.database, found.hub.catalog.items, found.entry, found.row, found.facility)
        generated = orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode() if payload is not None else ""
    except AntarError as error:
        problem = found.hide(str(error))
    return Desk(found, generated, problem, await last_edit(found.hub.database, found.row.id))


def _at(line: int, column: int, text: str) -> Fault:
    return Fault(say("editor.place", line=line, column=column), text, line)
