"""An external system over HTTP: sends a Call on the wire and returns the judged answer."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Account, Call, Probe, Problem, Profile, Reply, Verdict
from adapters.messages import message
from adapters.outcome_rules import OutcomeRule
from adapters.verdicts import Judge, parse_date
from adapters.wire.contract import HeaderBlock, Origin, Request, Response, Wire, bytes_left, header_block

ACCEPT = header_block([("Accept", "application/json")])

JAKARTA = timezone(timedelta(hours=7))  # time zone of the upstreams' days
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9:@!$&'()*+,;=_~-][A-Za-z0-9:@!$&'()*+,;=._~-]*)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class NoCredential(Exception):
    """Raised when there is no credential for the request; `reply` has the reason and the verdict."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.message)
        self.reply = reply


class HttpExchange(Struct, frozen=True):
    """A judged exchange; `response` is None if there was no answer."""

    reply: Reply
    rule: OutcomeRule | None = None
    response: Response | None = None


class HttpUpstream:
    """Sends calls unchanged. Subclasses add the headers that identify us."""

    def __init__(
        self,
        profile: Profile,
        wire: Wire,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.profile = profile
        self._judge = Judge(profile)
        self._wire = wire
        self._clock = clock
        self._wall = wall

    async def send(self, call: Call, account: Account) -> Reply:
        """Return the judged answer; if a credential is refused it is renewed and the call repeated, once."""
        return (await self._ask(call, account)).reply

    def check(self, payload: Any) -> Sequence[Problem]:
        """Return no problems: nothing is known about what the upstream refuses."""
        return ()

    async def probe(self, account: Account) -> Probe:
        """Make a cheap read, which shows if the upstream answers, knows our credentials, and what time it has."""
        path = str(self.profile.settings.get("probe_path", "/"))
        organization = account.credentials.get("organization_id", "")
        if "{organization_id}" in path and not organization:
            return Probe(ok=False, message=message("credentials.no_organization"), seconds=0.0)
        started = self._wall()
        today = datetime.fromtimestamp(started, JAKARTA).date().isoformat()
        path = path.replace("{organization_id}", quote(organization, safe="")).replace("{today}", today)
        exchange = await self._ask(Call("GET", path), account)
        reply = exchange.reply
        theirs = parse_date(exchange.response.header(b"date")) if exchange.response else None
        skew = None if theirs is None else theirs - (started + self._wall()) / 2
        words = reply.message or f"HTTP {reply.status}"
        return Probe(reply.verdict is Verdict.ACCEPTED, words, reply.seconds, skew)

    async def close(self) -> None:
        """Do nothing: the wire is shared, its owner closes it."""

    async def authorize(self, account: Account) -> HeaderBlock:
        """Return the headers that identify us; raises NoCredential."""
        return ACCEPT

    async def renew(self, account: Account, refused: HeaderBlock) -> HeaderBlock | None:
        """Return other headers than the refused ones, None if there are none; raises NoCredential."""
        return None

    def distrust(self, account: Account) -> None:
        """Note that a newly renewed credential was refused as well."""

    async def unwrap(self, response: Response, account: Account, headers: HeaderBlock) -> Response:
        """Return the answer without its wrapping, e.g. encryption."""
        return response

    async def _ask(self, call: Call, account: Account) -> HttpExchange:
        try:
            headers = await self.authorize(account)
        except NoCredential as refusal:
            return HttpExchange(refusal.reply)
        first = await self._once(call, account, headers)
        if first.rule is None or not first.rule.renew:
            return first
        return await self._again(call, account, headers, first)

    async def _again(self, call: Call, account: Account, refused: HeaderBlock, first: HttpExchange) -> HttpExchange:
        try:
            headers = await self.renew(account, refused)
        except NoCredential as refusal:
            why = refusal.reply
            reply = replace(first.reply, verdict=why.verdict, message=why.message, retry_after=why.retry_after)
            return replace(first, reply=reply)
        if headers is None:
            return first
        second = await self._once(call, account, headers)
        if second.rule is not None and second.rule.renew:
            self.distrust(account)
        return replace(second, reply=replace(second.reply, earlier=first.reply))

    async def _once(self, call: Call, account: Account, headers: HeaderBlock) -> HttpExchange:
        started = self._clock()
        try:
            response = await self._wire.exchange(self._request(call, account, headers))
        except httpx.TransportError as error:
            return HttpExchange(_failure(call, error, self._clock() - started))
        response = await self.unwrap(response, account, headers)
        reply, rule = self._judge.judge(call, response, self._wall(), self._clock() - started)
        return HttpExchange(reply, rule, response)

    def _request(self, call: Call, account: Account, headers: HeaderBlock) -> Request:
        base_path = self.profile.base_path if call.base_path is None else call.base_path
        origin, prefix = _place(account.base_url, base_path)
        if call.body is not None:
            headers = HeaderBlock(headers + _content_type(call.content_type or self.profile.content_type))
        times = self.profile.timeouts
        target = prefix + _target(call) or b"/"
        return Request(origin, call.method, target, headers, call.body, times.connect, times.total, call.answer_limit)


@lru_cache(maxsize=1024)
def _place(base_url: str, base_path: str) -> tuple[Origin, bytes]:
    """Return the origin and the prefix of each path."""
    origin = Origin.of(base_url)
    return origin, (httpx.URL(base_url).path.rstrip("/") + base_path.rstrip("/")).encode("ascii")


@lru_cache(maxsize=64)
def _content_type(media: str) -> HeaderBlock:
    return header_block([("Content-Type", media)])


def _target(call: Call) -> bytes:
    """Return path and query, quoted; raises httpx.LocalProtocolError if the path would lead elsewhere."""
    path = call.path if _PLAIN_PATH.fullmatch(call.path) else _quote_path(call.path)
    if call.query:
        path = f"{path}?{urlencode(call.query, quote_via=quote)}"
    return path.encode("ascii")


def _quote_path(path: str) -> str:
    """Return the path with a leading slash and unsafe characters quoted; quoted characters stay."""
    if _CONTROL.search(path) or any(part in {".", ".."} for part in unquote(path).split("/")):
        raise httpx.LocalProtocolError("the path leads elsewhere or holds control characters")
    quoted = quote(_STRAY_PERCENT.sub("%25", path), safe="/%:@!$&'()*+,;=~", errors="replace")
    return quoted if quoted.startswith("/") else f"/{quoted}"


def _failure(call: Call, error: httpx.TransportError, seconds: float) -> Reply:
    """Return the reply for a missing answer."""
    sent = bytes_left(error)
    if isinstance(error, httpx.LocalProtocolError):
        verdict = Verdict.REJECTED
    else:
        verdict = Verdict.UNSURE if sent and not call.repeatable else Verdict.UNAVAILABLE
    repeatable = sent and verdict is Verdict.UNAVAILABLE
    return Reply(verdict, message=_explain(error), sent=sent, seconds=seconds, may_have_arrived=repeatable)


def _explain(error: httpx.TransportError) -> str:
    match error:
        case httpx.LocalProtocolError():
            return message("request.characters")
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return message("connection.timeout")
        case httpx.ConnectError() if isinstance(error.__cause__, ssl.SSLError) or "certificate" in str(error).lower():
            return message("connection.tls", error=str(error))
        case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
            return message("connection.failed", error=str(error))
        case httpx.TimeoutException():
            return message("connection.no_answer")
        case _:
            return message("connection.cut", error=str(error))
