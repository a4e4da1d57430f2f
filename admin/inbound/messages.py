"""The words of the inbound queue service on the wire: what a caller sends, and the envelopes it gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from admin.http.callers import Refusal
from engine.inbound.queue_numbers import QueueRequest
from engine.inbound.requests import REFUSED, QueueAnswer
from engine.specs.inbound import Inbound

NUMBER = ("nomorkartu", "nik", "kodepoli", "tanggalperiksa", "keluhan", "kodedokter", "jampraktek", "norm", "nohp")
CANCELLATION = ("nomorkartu", "kodepoli", "tanggalperiksa", "keterangan")
PATIENT = (
    "nomorkartu", "nik", "nomorkk", "nama", "jeniskelamin", "tanggallahir", "alamat", "kodeprop", "namaprop",
    "kodedati2", "namadati2", "kodekec", "namakec", "kodekel", "namakel", "rw", "rt", "nohp",
)  # fmt: skip
LONGEST = 500
"""Characters of a field at most."""
SHORT = 20
"""Characters of a doctor's code and of hours at most."""
LARGEST = 10**15
NOBODY = "-"
"""Stands where no number was called yet."""


def content(body: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    """Of the body the fields that we know; raises Refusal where one is neither short text nor a number."""
    if not isinstance(body, dict):
        raise Refusal("malformed")
    found = {name: body[name] for name in fields if body.get(name) is not None}
    for name, value in found.items():
        if not (_is_text(value) or (type(value) is int and abs(value) < LARGEST)):
            raise Refusal("field", name)
    return found


def number_wish(found: Mapping[str, Any]) -> QueueRequest:
    """A number that is asked for; raises Refusal."""
    card = _card(found)
    _demand(r"\d{16}", found.get("nik"), "nik")
    doctor, hours = (str(found.get(name, "")).strip() for name in ("kodedokter", "jampraktek"))
    for name, value in (("kodedokter", doctor), ("jampraktek", hours)):
        if len(value) > SHORT:
            raise Refusal("field", name)
    known = bool(str(found.get("norm", "")).strip())
    return QueueRequest(card, *place(found.get("kodepoli"), found.get("tanggalperiksa")), doctor, hours, known)


def cancel_wish(found: Mapping[str, Any]) -> QueueRequest:
    """A number that is given back; raises Refusal."""
    return QueueRequest(_card(found), *place(found.get("kodepoli"), found.get("tanggalperiksa")))


def patient_card(found: Mapping[str, Any]) -> str:
    """The card of a new patient who is complete enough; raises Refusal."""
    card = _card(found)
    _demand(r"\d{16}", found.get("nik"), "nik")
    _day(found.get("tanggallahir"))
    for name, pattern in (("nama", r".*\S.*"), ("jeniskelamin", "[LP]")):
        if not re.fullmatch(pattern, str(found.get(name, "")), re.DOTALL):
            raise Refusal("field", name)
    return card


def card_wish(card: str, poli: str, day: str) -> QueueRequest:
    """The number of a card; raises Refusal."""
    return QueueRequest(_card({"nomorkartu": card}), *place(poli, day))


def place(poli: Any, day: Any) -> tuple[str, str]:
    """(poli, date); raises Refusal. What is no code can be no poli's, and never becomes a pattern of LIKE."""
    when = _day(day)
    _demand(r"[A-Za-z0-9-]{1,10}", poli, "poli")
    return str(poli), when


def envelope(inbound: Inbound, code: int, word: str, response: Any = None, field: str = "") -> dict[str, Any]:
    """{response, metadata: {message, code}}; without a response its key is left out."""
    metadata = {"message": inbound.texts[word].replace("{field}", field), "code": code}
    return ({} if response is None else {"response": response}) | {"metadata": metadata}


def refusal(inbound: Inbound, word: str, field: str = "") -> dict[str, Any]:
    return envelope(inbound, REFUSED, word, None, field)


def bare(inbound: Inbound) -> Callable[[QueueAnswer], dict[str, Any]]:
    """Tells that it is done, or why not."""
    return lambda outcome: envelope(inbound, outcome.code, outcome.word)


def given(inbound: Inbound, version: int) -> Callable[[QueueAnswer], dict[str, Any]]:
    """Tells the number that was given."""

    def tell(outcome: QueueAnswer) -> dict[str, Any]:
        if outcome.told is None:
            return envelope(inbound, outcome.code, outcome.word)
        told = {"angkaantrean": outcome.told["number"], **_standing(inbound, version, outcome.told)}
        return envelope(inbound, outcome.code, outcome.word, {"nomorantrean": _called(outcome.told, "number"), **told})

    return tell


def shown(inbound: Inbound, outcome: QueueAnswer) -> dict[str, Any]:
    """Tells how many are before a number."""
    if outcome.told is None:
        return envelope(inbound, outcome.code, outcome.word)
    standing = _standing(inbound, inbound.version, outcome.told)
    number = _called(outcome.told, "number")
    return envelope(inbound, outcome.code, outcome.word, {"nomorantrean": number, **standing})


def status(inbound: Inbound, outcome: QueueAnswer) -> dict[str, Any]:
    """Tells how the queues stand: one object in version 1, one per doctor and shift in version 2."""
    told = outcome.told
    if told is None:
        return envelope(inbound, outcome.code, outcome.word)
    if inbound.version == 1:
        whole = {"totalantrean": str(told["total"]), **_standing(inbound, 1, told)}
        return envelope(inbound, outcome.code, outcome.word, whole)
    each = [
        {
            "totalantrean": str(shift["total"]),
            **_standing(inbound, 2, {**shift, "poli": told["poli"], "name": told["name"]}),
            "kodedokter": int(shift["doctor"]) if shift["doctor"].isdecimal() else shift["doctor"],
            "namadokter": shift["name"],
            "jampraktek": shift["hours"],
        }
        for shift in told["shifts"]
    ]
    return envelope(inbound, outcome.code, outcome.word, each)


def _standing(inbound: Inbound, version: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """`sisaantrean` is text in version 1 and a number in version 2."""
    return {
        "namapoli": told["name"],
        "sisaantrean": str(told["waiting"]) if version == 1 else told["waiting"],
        "antreanpanggil": _called(told, "called"),
        "keterangan": inbound.texts["note"],
    }


def _called(told: Mapping[str, Any], name: str) -> str:
    return NOBODY if told[name] is None else f"{told['poli']}-{told[name]}"


def _card(found: Mapping[str, Any]) -> str:
    return _demand(r"\d{13}", found.get("nomorkartu"), "card")


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
    """Short, and such as UTF-8 and both databases can hold."""
    if not isinstance(value, str) or len(value) > LONGEST or "\x00" in value:
        return False
    return not any("\ud800" <= sign <= "\udfff" for sign in value)
