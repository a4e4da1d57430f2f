"""A day of Mobile JKN: patients take queue numbers, ask, change their minds, and one is not known to the clinic."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.bpjs.mobile_jkn import Ask, MobileJkn
from sandbox.population import SyntheticPerson, people

PATIENTS = 6


def over_http(base: str) -> Ask:
    """Return a function that calls a clinic's service below `base`."""

    def ask(method: str, path: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        json_headers = {**headers, "Content-Type": "application/json"}
        # The caller of `over_http` has checked the address.
        request = urllib.request.Request(base + path, content, json_headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            reply: dict[str, Any] = json.load(answer)
        return reply

    async def ask_in_thread(method: str, path: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
        return await asyncio.to_thread(ask, method, path, headers, body)

    return ask_in_thread


async def play(
    base: str, username: str, password: str, date: str, polis: Sequence[Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Play the day and return the answers in order."""
    phone = MobileJkn(over_http(base), username, password)
    answers = [await phone.log_in()]
    insured = [person for person in people() if person.card and person.kind == "patient"][:PATIENTS]
    for n, person in enumerate(insured):
        wish = _wish(person, date, polis[n % len(polis)])
        answers.append(await phone.take(wish, _patient(person)))
    first, second = insured[0], insured[1]
    answers.append(await phone.remaining(first.card, polis[0]["poli"], date))
    answers.append(await phone.cancel({**_wish(second, date, polis[1 % len(polis)]), "keterangan": "berhalangan"}))
    answers.append(await phone.take(_wish(first, date, polis[0])))
    answers.append(await phone.status(polis[0]["poli"], date))
    return answers


def _wish(person: SyntheticPerson, date: str, poli: Mapping[str, str]) -> dict[str, Any]:
    shift = {"kodedokter": poli["doctor"], "jampraktek": poli["hours"]}
    wish = {"nomorkartu": person.card, "nik": person.nik, "kodepoli": poli["poli"], "tanggalperiksa": date}
    return {**wish, "keluhan": "batuk", "nohp": "081200000000", **shift}


def _patient(person: SyntheticPerson) -> dict[str, Any]:
    return {
        "nomorkartu": person.card,
        "nik": person.nik,
        "nama": person.name,
        "jeniskelamin": "L" if person.gender == "male" else "P",
        "tanggallahir": person.birth_date,
    }
