"""*Uji koneksi*: calls an upstream once and describes the result in words."""

from __future__ import annotations

from dataclasses import dataclass

from admin.text.words import number, say, sentence
from engine.facilities.credentials import NoAccount
from engine.facilities.facilities import FacilityRow
from engine.facilities.particulars import ORGANIZATION_ID
from engine.hub import Hub
from engine.specs.upstream import UpstreamSpec

MAX_CLOCK_SKEW_SECONDS = 60.0  # a larger difference between the two clocks is a warning


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `good` is None if the result is neither good nor bad."""

    label: str
    words: str
    good: bool | None


async def probe(hub: Hub, facility: FacilityRow, upstream: UpstreamSpec) -> list[Finding]:
    """Check whether the upstream answers and accepts the account, and measure its latency and clock skew."""
    account = await hub.accounts.get(facility.id, upstream, fresh=True)
    if isinstance(account, NoAccount):
        return [Finding(say("probe.answer"), sentence(account.reason), False)]
    reply = await hub.upstream(upstream.name).probe(account)
    token = await hub.tokens.load(account, upstream.name)
    result = say("probe.ok") if reply.ok else say("probe.failed", message=sentence(reply.message))
    findings = [Finding(say("probe.answer"), result, reply.ok)]
    if token.value or token.refusal:
        findings.append(_token(token.value, token.expires_at, token.refusal, facility))
    organization = account.credentials.get(ORGANIZATION_ID)
    if organization:
        words = "probe.organization.known" if reply.ok else "probe.organization.unsure"
        findings.append(Finding(say("probe.organization"), say(words, id=organization), reply.ok or None))
    if reply.seconds:
        findings.append(
            Finding(say("probe.latency"), say("probe.milliseconds", n=number(round(reply.seconds * 1000))), None)
        )
    if reply.clock_skew is not None:
        findings.append(_clock(reply.clock_skew))
    return findings


def _token(value: str, expires_at: float, refusal: str, facility: FacilityRow) -> Finding:
    if not value:
        return Finding(say("probe.token"), say("probe.token.refused", message=sentence(refusal)), False)
    until = facility.local(int(expires_at * 1000))
    return Finding(say("probe.token"), say("probe.token.until", time=f"{until:%H.%M}"), True)


def _clock(skew: float) -> Finding:
    if abs(skew) < 1.5:  # the header with the time has whole seconds
        return Finding(say("probe.clock"), say("probe.clock.same"), True)
    words = "probe.clock.ahead" if skew > 0 else "probe.clock.behind"
    return Finding(say("probe.clock"), say(words, n=number(round(abs(skew)))), abs(skew) <= MAX_CLOCK_SKEW_SECONDS)
