"""The master data of areas as a site of the sandbox; areas.csv holds all provinces and ever less below them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.routing import Route

from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.tokens import IssuedTokens

PREFIX = "/masterdata/v1/"


class Level(NamedTuple):
    """A level of areas: digits of its codes and of their parents' codes, and the parameter that names the parents."""

    digits: int
    parent_digits: int
    parameter: str


LEVELS = {
    "provinces": Level(2, 0, "codes"),
    "cities": Level(4, 2, "province_codes"),
    "districts": Level(6, 4, "city_codes"),
    "sub-districts": Level(10, 6, "district_codes"),
}


class Areas:
    """The areas; requests carry SatuSehat's bearer token."""

    name = "areas"
    prefixes: tuple[str, ...] = (PREFIX,)

    def __init__(self, tokens: IssuedTokens) -> None:
        self._tokens = tokens
        text = (files("sandbox.areas") / "areas.csv").read_text(encoding="utf-8")
        self._names = {row["code"]: row["name"] for row in csv.DictReader(text.splitlines())}

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        client = self._tokens.bearer(request)
        if isinstance(client, SandboxAnswer):
            return client
        level = LEVELS.get(request.path.removeprefix(PREFIX).rstrip("/"))
        if level is None or request.method != "GET":
            return SandboxAnswer(404 if level is None else 405)
        given = parse_qs(request.query).get(level.parameter, [""])[-1]
        asked = tuple(filter(None, given.split(",")))
        if level.parent_digits and not asked:
            # [U] no answer to a request without its parameter is recorded
            message = f"{level.parameter} is required"
            return json_answer(400, {"status_code": 400, "message": message, "data": None})
        codes = (code for code in self._names if len(code) == level.digits and code.startswith(asked or ""))
        rows = [self._row(code, level) for code in codes]
        return json_answer(200, {"status": 200, "error": False, "message": "success", "data": rows})

    def _row(self, code: str, level: Level) -> dict[str, str]:
        # The code of the statistical office is not known here; no address has it.
        return {"code": code, "parent_code": code[: level.parent_digits], "bps_code": "", "name": self._names[code]}

    def label(self, method: str, path: str) -> str | None:
        level = path.removeprefix(PREFIX).rstrip("/")
        return f"areas/{level}" if level in LEVELS else None

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {}

    def control_routes(self) -> Sequence[Route]:
        return ()

    def reset(self) -> None:
        """Do nothing: areas do not change."""
