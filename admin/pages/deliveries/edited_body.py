"""Body that a person writes in place of the payload: read, checked, compared; identifiers masked and restored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from admin.pages.deliveries.opened import MAX_BODY_CHARACTERS, OpenDelivery
from admin.pages.shared.diff import DiffLine, differences
from admin.pages.shared.json_view import duplicate_keys, pretty
from admin.text.masking import Masks
from admin.text.words import number, say, sentence
from engine.errors import AntarError
from engine.intake.body_codes import CodePlace, code_places, codes_in
from engine.intake.code_warnings import unknown
from engine.outbox.edit import Basis, Edit, last_edit
from engine.sending.edited_body import as_change
from engine.sending.preview import payload_of, payload_renderer
from engine.specs.context import context
from engine.specs.record_type import Operation

_SEEN_PATTERN = re.compile(r"(\d{1,9})\.(\d{1,15})\.([01])\.(\w+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BodyFault:
    """A reason why a body cannot be sent; `line` is 0 if it belongs to no line."""

    place: str
    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class SeenState:
    """State that the page showed when it was opened, carried through its form to detect changes by others."""

    basis: Basis
    spec_hash: str

    def __str__(self) -> str:
        basis = self.basis
        return f"{basis.version}.{basis.edit}.{int(basis.arrived)}.{self.spec_hash}"

    @classmethod
    def read(cls, text: str) -> SeenState:
        """Read the result of `str`; return a state that matches no other for any other text."""
        match = _SEEN_PATTERN.fullmatch(text)
        if match is None:
            return cls(Basis(-1), "")
        return cls(Basis(int(match[1]), int(match[2]), match[3] == "1"), match[4])


@dataclass
class BodyEditor:
    """A delivery while a person edits its body: with the present payload and the last edit."""

    opened: OpenDelivery
    generated: str  # the payload as indented JSON; empty if it cannot be made
    not_generated: str
    last: Edit | None
    creation: Any = None  # the payload that would create what the upstream has; None if it has nothing
    code_places: Sequence[CodePlace] = ()  # of codes that intake would refuse in the record

    @cached_property
    def masks(self) -> Masks:
        """Return the masks: a mask in a typed body stands for an identifier in the payload or in the edited body."""
        return Masks([self.generated, self.opened.row.body or ""], self.opened.identifiers)

    @property
    def now(self) -> SeenState:
        """Return the present state."""
        row = self.opened.row
        basis = Basis(row.version, self.last.id if self.last else 0, row.reference is not None)
        return SeenState(basis, self.opened.entry.hash)

    @property
    def stored(self) -> str:
        """Return the text to begin with: the edited body, else the payload; identifiers masked."""
        written = self.opened.row.body
        return self.masks.hide(self.as_sent(written) if written else self.generated or "{}")

    def as_sent(self, body: str) -> str:
        """Return the text that is sent for a body; a body written for a creation is adapted to an update."""
        reference = self.opened.row.reference
        if reference is None:
            return body
        try:
            written, change = orjson.loads(body), orjson.loads(self.generated or "null")
        except orjson.JSONDecodeError:
            return body
        adapted = as_change(written, self.creation, change, reference)
        return body if adapted is written else orjson.dumps(adapted, option=orjson.OPT_INDENT_2).decode()

    def adapted(self, typed: str) -> str:
        """Return the typed body as it would be sent, identifiers masked; unchanged if nothing is to be adapted."""
        body, unknown = self.masks.restore(typed)
        sent = self.as_sent(body)
        return typed if unknown or sent == body else self.masks.hide(sent)

    async def read(self, typed: str) -> tuple[str, list[BodyFault]]:
        """Return the body that would be saved, and the faults of the text that would be sent for it."""
        if len(typed) > MAX_BODY_CHARACTERS:
            return "", [BodyFault("", say("editor.too_long", most=number(MAX_BODY_CHARACTERS)))]
        body, unknown = self.masks.restore(typed)
        if unknown:
            return body, [_at(mask.line, mask.column, say("editor.unknown_mask", text=mask.text)) for mask in unknown]
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return body, [_at(error.lineno, error.colno, say("editor.no_json"))]
        faults = [BodyFault(key, say("editor.twice", key=key)) for key in duplicate_keys(body)]
        if isinstance(content, dict) is not self.generated.lstrip().startswith("{") and self.generated:
            return body, [*faults, BodyFault("$", say("editor.other_kind"))]
        return body, [*faults, *await self._faults_of(orjson.loads(self.as_sent(body)))]

    def difference(self, typed: str) -> list[DiffLine] | None:
        """Compare the present payload with the typed body; None if there is no payload, or both are too long."""
        return self._difference_from(self.generated, typed) if self.generated else None

    def theirs(self, typed: str) -> list[DiffLine] | None:
        """Compare the body as saved now with the typed body."""
        return self._difference_from(self.as_sent(self.opened.row.body or self.generated), typed)

    def _difference_from(self, before: str, typed: str) -> list[DiffLine] | None:
        body, _ = self.masks.restore(typed)
        hide = self.masks.hide
        return differences(hide(pretty(before)), hide(pretty(self.as_sent(body))))

    async def _faults_of(self, content: Any) -> list[BodyFault]:
        """Return faults for which the upstream is known to refuse a body, or intake the record."""
        upstream = self.opened.hub.upstream(self.opened.layout.upstream.name)
        problems = upstream.check(content) if self.opened.entry.check else ()
        faults = [BodyFault(problem.path, self.masks.hide(sentence(problem.message))) for problem in problems]
        return [*faults, *await self._unknown_codes(content)]

    async def _unknown_codes(self, content: Any) -> list[BodyFault]:
        hub, codes = self.opened.hub, codes_in(content, self.code_places)
        [found] = await unknown(hub.database, hub.catalog, self.opened.facility.id, [codes])
        return [BodyFault(one.problem.path, sentence(one.fault)) for one in found if one.problem is not None]


async def body_editor(opened: OpenDelivery) -> BodyEditor:
    """Return the editor, also if the payload cannot be made: an edited body may be the remedy for that."""
    if len(opened.row.record) > MAX_BODY_CHARACTERS:  # masking its identifiers would take too long; it cannot be edited
        return BodyEditor(opened, "", "", await last_edit(opened.hub.database, opened.row.id))
    payload, problem = await _payload(opened, None)
    generated = orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode() if payload is not None else ""
    creation, _ = await _payload(opened, "create") if opened.row.reference is not None else (None, "")
    last = await last_edit(opened.hub.database, opened.row.id)
    return BodyEditor(opened, generated, problem, last, creation, await _code_places(opened))


async def _payload(opened: OpenDelivery, operation: Operation | None) -> tuple[Any, str]:
    """Return the present payload in the types of JSON, or why it cannot be made."""
    database, mappings = opened.hub.database, opened.hub.catalog.items
    try:
        payload = await payload_of(database, mappings, opened.entry, opened.row, opened.facility, operation)
    except AntarError as error:
        return None, opened.hide(sentence(str(error)))
    return orjson.loads(orjson.dumps(payload)), ""


async def _code_places(opened: OpenDelivery) -> Sequence[CodePlace]:
    """Return where a body has codes that intake would refuse; none if the payload cannot be made."""
    hub, spec, facility, record = opened.hub, opened.entry, opened.facility, orjson.loads(opened.row.record)
    operation = spec.operation_for(opened.row.reference)
    if spec.is_withdrawn(record):  # taken back whatever is in it
        return ()
    try:
        render = await payload_renderer(hub.database, hub.catalog.items, spec, opened.row, facility, operation)
        return code_places(spec, record, context(spec, record, facility), render)
    except AntarError:
        return ()


def _at(line: int, column: int, text: str) -> BodyFault:
    return BodyFault(say("editor.place", line=line, column=column), text, line)
