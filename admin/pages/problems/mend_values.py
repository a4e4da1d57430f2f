"""Values that people enter into the form of *Perbaiki semuanya*, by the types of the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from admin.text.words import say
from engine.value_rules.fields import RecordField, is_identifier
from engine.value_rules.places import as_text
from engine.value_rules.store import MAX_VALUE_CHARACTERS


@dataclass(slots=True)
class EnteredValues:
    """Values that a person entered: `texts` and `errors` by old value (JSON); `changes` holds the valid ones."""

    for_all: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, str], chosen: RecordField, most: int) -> EnteredValues:
        """Read `old-N` and `new-N`; an empty new value takes that for all, and none means that nothing is replaced."""
        entered = cls(data.get("all", "").strip())
        for n in range(most):
            old, text = data.get(f"old-{n}"), data.get(f"new-{n}", "").strip()
            if old is None or not (text or entered.for_all) or not _is_json(old):
                continue
            entered.texts[old] = text
            entered._enter(old, text or entered.for_all, chosen)
        return entered

    def _enter(self, old: str, text: str, chosen: RecordField) -> None:
        new = _parsed(text.replace("\x00", ""), chosen)
        if new is None:
            self.errors[old] = say("mend.value.wrong")
        elif is_identifier(text) or is_identifier(old):
            self.errors[old] = say("mend.value.identifier")
        elif max(len(as_text(new)), len(old)) > MAX_VALUE_CHARACTERS:
            self.errors[old] = say("mend.value.long")
        elif as_text(new) != old:
            self.changes[old] = as_text(new)


def _parsed(text: str, chosen: RecordField) -> Any:
    """Return the value of the field's type that a text means; None if it means none."""
    if chosen.choices:
        return next((choice for choice in chosen.choices if str(choice) == text), None)
    for kind in chosen.types:
        value = _of_type(text, kind)
        if value is not None:
            return value
    return None


def _of_type(text: str, kind: str) -> Any:
    try:
        match kind:
            case "boolean":
                return {"true": True, "false": False}.get(text)
            case "integer":
                return int(text)
            case "number":
                value = float(text.replace(",", "."))
                return int(value) if value.is_integer() and "." not in text and "," not in text else value
    except ValueError:
        return None
    return text


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
