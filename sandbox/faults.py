"""Fault scenarios: which requests they strike, how often, and what then goes wrong."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import orjson

from sandbox.messages import Request

Ending = Literal["answer", "hang", "close", "reset"]


@dataclass(slots=True)
class Scenario:
    """One fault. Without any effect named, the request goes its normal way.

    Order of effects: reset inside the request body, `act`, `latency`, barrier before, the site's own work
    (`commit`), barrier after, then `ending`: the answer, or holding it, closing or resetting the connection.
    """

    name: str = ""
    method: str = ""
    """A regular expression for the whole method; empty: any."""
    path: str = ""
    """A regular expression searched in the path; empty: any."""
    body: str = ""
    """Text that the request body must contain."""
    times: int | None = None
    """How many requests are struck; None: all."""
    after: int = 0
    """How many matching requests pass untouched first."""
    every: int = 1
    """Of those that follow, the first and then each so-manieth is struck."""
    act: str = ""
    latency: float = 0.0
    barrier: str = ""
    barrier_at: Literal["before", "after"] = "before"
    commit: bool = True
    """Whether the site does its work, i.e. stores what was sent."""
    request_bytes: int | None = None
    """Reset the connection when that many bytes of the request body are read; nothing is stored."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    """The body that replaces the site's."""
    media: str | None = None
    keep_bytes: int | None = None
    """Cut the body to its first bytes but call it complete: malformed JSON."""
    pad: int = 0
    """Bytes of blanks in front of the body."""
    endless: bool = False
    gzip: bool = False
    """Send the padded body compressed, so that it grows at the client."""
    rate: int = 0
    """Bytes per second of the body; 0: at once."""
    ending: Ending = "answer"
    hold: float = 3600.0
    """Seconds that a hanging request is kept before its connection is closed."""
    reset_at: int = 0
    """With ending "reset" or "close": bytes of the response body that still leave; 0 and nothing leaves."""
    seen: int = 0
    struck: int = 0

    def matches(self, request: Request) -> bool:
        return (
            (not self.method or re.fullmatch(self.method, request.method) is not None)
            and (not self.path or re.search(self.path, request.path) is not None)
            and (not self.body or self.body.encode() in request.body)
        )

    def strikes(self) -> bool:
        """Count one matching request and say whether this one is struck."""
        self.seen += 1
        passed = self.seen - self.after - 1
        if passed < 0 or passed % self.every or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class UnknownFault(ValueError):
    """A preset or a field of a scenario that does not exist, or a pattern that is none."""


@cache
def presets() -> dict[str, dict[str, Any]]:
    """The named scenarios of faults.json: {name: {"title": ..., "fields": {...}}}."""
    loaded: dict[str, dict[str, Any]] = orjson.loads((files("sandbox") / "faults.json").read_bytes())
    return loaded


def scenario(preset: str = "", **overrides: Any) -> Scenario:
    """A scenario from a preset's fields and what is said besides. Raises UnknownFault."""
    if preset and preset not in presets():
        raise UnknownFault(f"no preset {preset!r}; there are: {', '.join(sorted(presets()))}")
    stated = {**(presets()[preset]["fields"] if preset else {}), **overrides}
    known = {one.name for one in fields(Scenario)} - {"seen", "struck"}
    if unknown := sorted(set(stated) - known):
        raise UnknownFault(f"no field {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    stated.setdefault("name", preset)
    for pattern in (stated.get("method", ""), stated.get("path", "")):
        _compiled(pattern)
    return Scenario(**stated)


def _compiled(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as wrong:
        raise UnknownFault(f"{pattern!r} is no regular expression: {wrong}") from wrong


class Faults:
    """The scenarios in force. The outage goes before all others."""

    def __init__(self) -> None:
        self._by_id: dict[int, Scenario] = {}
        self._last = 0
        self.outage: Scenario | None = None

    def add(self, preset: str | Scenario = "", **overrides: Any) -> Scenario:
        """Put a scenario in force, e.g. `add("timeout-after-commit", path="/Encounter", times=1)`."""
        one = preset if isinstance(preset, Scenario) else scenario(preset, **overrides)
        self._last += 1
        self._by_id[self._last] = one
        return one

    def set_outage(self, preset: str = "", **overrides: Any) -> Scenario:
        """From now on strike every request with this scenario."""
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

    def before_body(self, request: Request) -> Scenario | None:
        """The scenario that cuts this request while its body still arrives."""
        return self._strike(request, early=True)

    def take(self, request: Request) -> Scenario | None:
        """The scenario that strikes this request, counted."""
        return self._strike(request, early=False)

    def _strike(self, request: Request, *, early: bool) -> Scenario | None:
        standing = [self.outage] if self.outage is not None else list(self._by_id.values())
        for one in standing:
            if (one.request_bytes is not None) == early and one.matches(request) and one.strikes():
                return one
        return None

    def listing(self) -> list[dict[str, Any]]:
        """The scenarios in force as JSON, each with its id."""
        return [{"id": number, **asdict(one)} for number, one in self._by_id.items()]
