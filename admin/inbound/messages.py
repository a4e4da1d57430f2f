"""Messages of the inbound queue service on the wire: fields that a caller sends, envelopes that it receives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from admin.http.callers import Refusal
from engine.inbound.queue_numbers import QueueRequest
from engine.inbound.requests import REFUSED, QueueAnswer
from engine.specs.inbound import Inbound

NUMBER_FIELDS = (
    "nomorkartu", "nik", "kodepoli", "tanggalperiksa", "keluhan", "kodedokter", "jampraktek", "norm", "nohp",
)  # fmt: skip
CANCELLATION_FIELDS = ("nomorkartu", "kodepoli", "tanggalperiksa", "keterangan")
PATIENT_FIELDS = (
    "nomorkartu", "nik", "nomorkk", "nama", "jeniskelamin", "tanggallahir", "alamat", "kodeprop", "namaprop",
    "kodedati2", "namadati2", "kodekec", "namakec", "kodekel", "namakel", "rw", "rt", "nohp",
)  # fmt: skip
MAX_FIELD_CHARS = 500
MAX_SHIFT_CHARS = 20  # of a doctor's code and of the hours of a shift
MAX_NUMBER = 10**15
NONE_CALLED = "-"  # in place of a number while none has been called


def fields_of(body: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """Return the known fields of a body; raise Refusal if one is neither short text nor a number."""
    if not isinstance(body, dict):
        raise Refusal("malformed")
    values = {name: body[name] for name in fields if body.get(name) is not None}
    for name, value in values.items():
        if not (_is_text(value) or (type(value) is int and abs(value) < MAX_NUMBER)):
            raise Refusal("field", name)
    return values


def number_request(content: Mapping[str, Any]) -> QueueRequest:
    """Read a request for a number; raise Refusal."""
    card = _card(content)
    _demand(r"\d{16}", content.get("nik"), "nik")
    doctor, hours = (str(content.get(name, "")).strip() for name in ("kodedokter", "jampraktek"))
    for name, value in (("kodedokter", doctor), ("jampraktek", hours)):
        if len(value) > MAX_SHIFT_CHARS:
            raise Refusal("field", name)
    has_norm = bool(str(content.get("norm", "")).strip())
    return QueueRequest(card, *place(content.get("kodepoli"), content.get("tanggalperiksa")), doctor, hours, has_norm)


def cancel_request(content: Mapping[str, Any]) -> QueueRequest:
    """Read the cancellation of a number; raise Refusal."""
    return QueueRequest(_card(content), *place(content.get("kodepoli"), content.get("tanggalperiksa")))


def patient_card(content: Mapping[str, Any]) -> str:
    """Return the card of a new patient; raise Refusal if a required field is missing."""
    card = _card(content)
    _demand(r"\d{16}", content.get("nik"), "nik")
    _day(content.get("tanggallahir"))
    for name, pattern in (("nama", r".*\S.*"), ("jeniskelamin", "[LP]")):
        if not re.fullmatch(pattern, str(content.get(name, "")), re.DOTALL):
            raise Refusal("field", name)
    return card


def card_request(card: str, poli: str, day: str) -> QueueRequest:
    """Read a question about the number of a card; raise Refusal."""
    return QueueRequest(_card({"nomorkartu": card}), *place(poli, day))


def place(poli: Any, day: Any) -> tuple[str, str]:
    """Return (poli, date); raise Refusal."""
    when = _day(day)
    # Text that cannot be the code of a poli must not become a pattern of LIKE.
    _demand(r"[A-Za-z0-9-]{1,10}", poli, "poli")
    return str(poli), when


def envelope(inbound: Inbound, code: int, word: str, response: Any = None, field: str = "") -> dict[str, Any]:
    """Return {response, metadata: {message, code}}; without a response its key is left out."""
    metadata = {"message": inbound.texts[word].replace("{field}", field), "code": code}
    return ({} if response is None else {"response": response}) | {"metadata": metadata}


def refusal(inbound: Inbound, word: str, field: str = "") -> dict[str, Any]:
    return envelope(inbound, REFUSED, word, None, field)


def bare(inbound: Inbound) -> Callable[[QueueAnswer], dict[str, Any]]:
    """Return the writer of an answer without a response: done, or why not."""
    return lambda answer: envelope(inbound, answer.code, answer.word)


def given(inbound: Inbound, version: int) -> Callable[[QueueAnswer], dict[str, Any]]:
    """Return the writer of an answer with the number that was given."""

    def write(answer: QueueAnswer) -> dict[str, Any]:
        queue = answer.values
        if queue is None:
            return envelope(inbound, answer.code, answer.word)
        number = {"nomorantrean": _label(queue, "number"), "angkaantrean": queue["number"]}
        return envelope(inbound, answer.code, answer.word, {**number, **_position(inbound, version, queue)})

    return write


def standing(inbound: Inbound, answer: QueueAnswer) -> dict[str, Any]:
    """Write how many people are before a number."""
    queue = answer.values
    if queue is None:
        return envelope(inbound, answer.code, answer.word)
    response = {"nomorantrean": _label(queue, "number"), **_position(inbound, inbound.version, queue)}
    return envelope(inbound, answer.code, answer.word, response)


def status(inbound: Inbound, answer: QueueAnswer) -> dict[str, Any]:
    """Write the state of the queues: one object in version 1, one per doctor and shift in version 2."""
    queue = answer.values
    if queue is None:
        return envelope(inbound, answer.code, answer.word)
    if inbound.version == 1:
        whole = {"totalantrean": str(queue["total"]), **_position(inbound, 1, queue)}
        return envelope(inbound, answer.code, answer.word, whole)
    shifts = [
        {
            "totalantrean": str(shift["total"]),
            **_position(inbound, 2, {**shift, "poli": queue["poli"], "name": queue["name"]}),
            "kodedokter": int(shift["doctor"]) if shift["doctor"].isdecimal() else shift["doctor"],
            "namadokter": shift["name"],
            "jampraktek": shift["hours"],
        }
        for shift in queue["shifts"]
    ]
    return envelope(inbound, answer.code, answer.word, shifts)


def _position(inbound: Inbound, version: int, queue: Mapping[str, Any]) -> dict[str, Any]:
    """`sisaantrean` is text in version 1 and a number in version 2."""
    return {
        "namapoli": queue["name"],
        "sisaantrean": str(queue["waiting"]) if version == 1 else queue["waiting"],
        "antreanpanggil": _label(queue, "called"),
        "keterangan": inbound.texts["note"],
    }


def _label(queue: Mapping[str, Any], name: str) -> str:
    return NONE_CALLED if queue[name] is None else f"{queue['poli']}-{queue[name]}"


def _card(content: Mapping[str, Any]) -> str:
    return _demand(r"\d{13}", content.get("nomorkartu"), "card")


def _day(value: Any) -> str:
    _demand(r"\d{4}-\d{2}-\d{2}", value, "date")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError as error:
        raise Refusal("date") from error


def _demand(pattern: str, value: Any, word: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise Refusal(word)
    return value


def _is_text(value: Any) -> bool:
    """Return True for short text that UTF-8 and both databases can store."""
    if not isinstance(value, str) or len(value) > MAX_FIELD_CHARS or "\x00" in value:
        return False
    return not any("\ud800" <= sign <= "\udfff" for sign in value)
