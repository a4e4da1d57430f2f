"""What a person writes in place of a payload: read, checked, compared; identifiers hidden and put back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from admin.pages.deliveries.opened import MAX_BODY_CHARACTERS, OpenDelivery
from admin.pages.shared.diff import DiffLine, differences
from admin.pages.shared.json_view import duplicate_keys, pretty
from admin.text.masking import Masks
from admin.text.words import number, say
from engine.errors import AntarError
from engine.outbox.edit import Basis, Edit, last_edit
from engine.sending.edited_body import as_change
from engine.sending.preview import payload_of
from engine.specs.record_type import Operation

_SEEN = re.compile(r"(\d{1,9})\.(\d{1,15})\.([01])\.(\w+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BodyFault:
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
class BodyEditor:
    """A delivery on the desk of somebody who edits it: the payload of now, and what others wrote meanwhile."""

    found: OpenDelivery
    generated: str
    """The payload as indented JSON; empty if it cannot be made."""
    not_generated: str
    last: Edit | None
    creation: Any = None
    """The payload that would have created what the upstream has; None if it has nothing."""

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
        return self.masks.hide(self.as_sent(written) if written else self.generated or "{}")

    def as_sent(self, body: str) -> str:
        """The text of what goes out for a body: one that was written for a creation is adapted to a change."""
        if not self.now.basis.arrived:
            return body
        try:
            written, change = orjson.loads(body), orjson.loads(self.generated or "null")
        except orjson.JSONDecodeError:
            return body
        adapted = as_change(written, self.creation, change, self.found.row.reference)
        return body if adapted is written else orjson.dumps(adapted, option=orjson.OPT_INDENT_2).decode()

    def adapted(self, typed: str) -> str:
        """What was typed as it would go out, identifiers hidden; as it is where nothing has to be adapted."""
        body, unknown = self.masks.restore(typed)
        sent = self.as_sent(body)
        return typed if unknown or sent == body else self.masks.hide(sent)

    def read(self, typed: str) -> tuple[str, list[BodyFault]]:
        """The body that would be saved, and what is wrong with what goes out for it."""
        if len(typed) > MAX_BODY_CHARACTERS:
            return "", [BodyFault("", say("editor.too_long", most=number(MAX_BODY_CHARACTERS)))]
        body, unknown = self.masks.restore(typed)
        if unknown:
            return body, [_at(each.line, each.column, say("editor.unknown_mask", text=each.text)) for each in unknown]
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return body, [_at(error.lineno, error.colno, say("editor.no_json"))]
        faults = [BodyFault(key, say("editor.twice", key=key)) for key in duplicate_keys(body)]
        if isinstance(content, dict) is not self.generated.lstrip().startswith("{") and self.generated:
            return body, [*faults, BodyFault("$", say("editor.other_kind"))]
        return body, [*faults, *self._refused(orjson.loads(self.as_sent(body)))]

    def difference(self, typed: str) -> list[DiffLine] | None:
        """Between the payload of now and what was typed; None: there is no payload, or too much to compare."""
        return self._against(self.generated, typed) if self.generated else None

    def theirs(self, typed: str) -> list[DiffLine] | None:
        """Between what stands there now and what was typed."""
        return self._against(self.as_sent(self.found.row.body or self.generated), typed)

    def _against(self, before: str, typed: str) -> list[DiffLine] | None:
        body, _ = self.masks.restore(typed)
        hide = self.masks.hide
        return differences(hide(pretty(before)), hide(pretty(self.as_sent(body))))

    def _refused(self, content: Any) -> list[BodyFault]:
        """What the upstream is known to refuse."""
        upstream = self.found.hub.upstream(self.found.layout.upstream.name)
        problems = upstream.check(content) if self.found.entry.check else ()
        return [BodyFault(problem.path, self.masks.hide(problem.message)) for problem in problems]


async def body_editor(found: OpenDelivery) -> BodyEditor:
    """Raises nothing for a payload that cannot be made: mending that may be why somebody writes."""
    if len(found.row.record) > MAX_BODY_CHARACTERS:  # hiding its identifiers would take too long; it is not edited
        return BodyEditor(found, "", "", await last_edit(found.hub.database, found.row.id))
    payload, problem = await _payload(found, None)
    generated = orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode() if payload is not None else ""
    creation, _ = await _payload(found, "create") if found.row.reference is not None else (None, "")
    return BodyEditor(found, generated, problem, await last_edit(found.hub.database, found.row.id), creation)


async def _payload(found: OpenDelivery, operation: Operation | None) -> tuple[Any, str]:
    """The payload of now in the types of JSON, or why it cannot be made."""
    database, mappings = found.hub.database, found.hub.catalog.items
    try:
        payload = await payload_of(database, mappings, found.entry, found.row, found.facility, operation)
    except AntarError as error:
        return None, found.hide(str(error))
    return orjson.loads(orjson.dumps(payload)), ""


def _at(line: int, column: int, text: str) -> BodyFault:
    return BodyFault(say("editor.place", line=line, column=column), text, line)
