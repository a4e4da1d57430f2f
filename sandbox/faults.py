"""Fault scenarios: the requests they hit, how often, and the effect."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson

from sandbox.messages import SandboxRequest

Ending = Literal["answer", "hang", "close", "reset"]


@dataclass(slots=True)
class Scenario:
    """One fault. With no effect named, the request is handled normally.

    Order of effects: reset inside the request body, `act`, `latency`, barrier before, the site's own work
    (`commit`), barrier after, then `ending`: the answer, or holding it, closing or resetting the connection.
    """

    name: str = ""
    method: str = ""  # a regular expression for the whole method; empty: any
    path: str = ""  # a regular expression searched in the path; empty: any
    body: str = ""  # text that the request body must contain
    times: int | None = None  # number of requests to hit; None: all
    after: int = 0  # number of matching requests that pass untouched first
    every: int = 1  # of the requests after those, hit the first and then each `every`-th
    act: str = ""
    latency: float = 0.0
    barrier: str = ""
    barrier_at: Literal["before", "after"] = "before"
    commit: bool = True  # False: the site does not do its work, i.e. stores nothing.
    # Reset the connection after this many bytes of the request body; nothing is stored.
    request_bytes: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None  # body that replaces the site's
    media: str | None = None
    keep_bytes: int | None = None  # cut the body to its first bytes but declare it complete: malformed JSON
    pad: int = 0  # blanks in front of the body, in bytes
    endless: bool = False
    gzip: bool = False  # send the padded body compressed, so that it grows at the client
    rate: int = 0  # bytes per second of the body; 0: all at once
    ending: Ending = "answer"
    hold: float = 3600.0  # seconds that a hanging request is kept before its connection is closed
    # With ending "reset" or "close": bytes of the response body that are still sent; 0: not even the head.
    reset_at: int = 0
    seen: int = 0
    struck: int = 0

    def matches(self, request: SandboxRequest) -> bool:
        return (
            (not self.method or re.fullmatch(self.method, request.method) is not None)
            and (not self.path or re.search(self.path, request.path) is not None)
            and (not self.body or self.body.encode() in request.body)
        )

    def strikes(self) -> bool:
        """Count one matching request and return True if this one is hit."""
        self.seen += 1
        passed = self.seen - self.after - 1
        if passed < 0 or passed % self.every or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class UnknownFault(ValueError):
    """Raised for an unknown preset, an unknown field of a scenario, or an invalid pattern."""


@cache
def presets() -> dict[str, dict[str, Any]]:
    """Return the named scenarios of faults.json: {name: {"title": ..., "fields": {...}}}."""
    loaded: dict[str, dict[str, Any]] = orjson.loads((files("sandbox") / "faults.json").read_bytes())
    return loaded


def scenario(preset: str = "", **overrides: Any) -> Scenario:
    """Return a scenario from a preset's fields and the overrides. Raises UnknownFault."""
    if preset and preset not in presets():
        raise UnknownFault(f"no preset {preset!r}; there are: {', '.join(sorted(presets()))}")
    stated = {**(presets()[preset]["fields"] if preset else {}), **overrides}
    names = {one.name for one in fields(Scenario)} - {"seen", "struck"}
    if unknown := sorted(set(stated) - names):
        raise UnknownFault(f"no field {', '.join(unknown)}; there are: {', '.join(sorted(names))}")
    stated.setdefault("name", preset)
    for pattern in (stated.get("method", ""), stated.get("path", "")):
        _compiled(pattern)
    return Scenario(**stated)


def _compiled(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise UnknownFault(f"{pattern!r} is no regular expression: {wrong}") from wrong


class ActiveFaults:
    """The active scenarios. The outage takes precedence over all others."""

    def __init__(self) -> None:
        self._by_id: dict[int, Scenario] = {}
        self._last = 0
        self.outage: Scenario | None = None

    def add(self, preset: str | Scenario = "", **overrides: Any) -> Scenario:
        """Activate a scenario, e.g. `add("timeout-after-commit", path="/Encounter", times=1)`."""
        one = preset if isinstance(preset, Scenario) else scenario(preset, **overrides)
        self._last += 1
        self._by_id[self._last] = one
        return one

    def set_outage(self, preset: str = "", **overrides: Any) -> Scenario:
        """Hit every request with this scenario from now on."""
        self.outage = scenario(preset, **overrides)
        return self.outage

    def end_outage(self) -> None:
        self.outage = None

    def remove(self, number: int) -> bool:
        return self._by_id.pop(number, None) is not None

    def clear(self) -> None:
        self._by_id.clear()
        self.outage = None

    @property
    def in_force(self) -> bool:
        return bool(self._by_id) or self.outage is not None

    def before_body(self, request: SandboxRequest) -> Scenario | None:
        """Return the scenario that cuts this request while its body is still arriving."""
        return self._strike(request, early=True)

    def take(self, request: SandboxRequest) -> Scenario | None:
        """Return the scenario that hits this request, and count it."""
        return self._strike(request, early=False)

    def _strike(self, request: SandboxRequest, *, early: bool) -> Scenario | None:
        standing = [self.outage] if self.outage is not None else list(self._by_id.values())
        for one in standing:
            if (one.request_bytes is not None) == early and one.matches(request) and one.strikes():
                return one
        return None

    def listing(self) -> list[dict[str, Any]]:
        """Return the active scenarios as JSON objects with their ids."""
        return [{"id": number, **asdict(one)} for number, one in self._by_id.items()]
