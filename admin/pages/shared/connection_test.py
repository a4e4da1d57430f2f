"""*Uji koneksi*: what a call to an upstream, made just now, says in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from admin.text.words import number, say
from engine.facilities.credentials import NoAccount
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.specs.upstream import UpstreamSpec

TOLERATED = 60.0
"""Seconds that two clocks may differ without a word of warning."""
ORGANIZATION = "organization_id"
"""The name of the credential that the ministry knows a clinic by."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `good` is None where it is neither."""

    label: str
    words: str
    good: bool | None


async def probe(hub: Hub, facility: FacilityRow, upstream: UpstreamSpec) -> list[Finding]:
    """Does it answer, does it know us, how late is its clock, how fast is it."""
    account = await hub.accounts.get(facility.id, upstream, fresh=True)
    if isinstance(account, NoAccount):
        return [Finding(say("probe.answer"), account.reason, False)]
    seen = await hub.upstream(upstream.name).probe(account)
    token = await hub.tokens.load(account, upstream.name)
    said = say("probe.ok") if seen.ok else say("probe.failed", message=seen.message)
    found = [Finding(say("probe.answer"), said, seen.ok)]
    if token.value or token.refusal:
        found.append(_token(token.value, token.expires_at, token.refusal, facility))
    organization = account.credentials.get(ORGANIZATION)
    if organization:
        words = "probe.organization.known" if seen.ok else "probe.organization.unsure"
        found.append(Finding(say("probe.organization"), say(words, id=organization), seen.ok or None))
    if seen.seconds:
        found.append(
            Finding(say("probe.latency"), say("probe.milliseconds", n=number(round(seen.seconds * 1000))), None)
        )
    if seen.clock_skew is not None:
        found.append(_clock(seen.clock_skew))
    return found


def _token(value: str, expires_at: float, refusal: str, facility: FacilityRow) -> Finding:
    if not value:
        return Finding(say("probe.token"), say("probe.token.refused", message=refusal), False)
    until = datetime.fromtimestamp(expires_at, UTC).astimezone(ZoneInfo(facility.time_zone))
    return Finding(say("probe.token"), say("probe.token.until", time=f"{until:%H.%M}"), True)


def _clock(skew: float) -> Finding:
    if abs(skew) < 1.5:  # the header with the time has whole seconds
        return Finding(say("probe.clock"), say("probe.clock.same"), True)
    words = "probe.clock.ahead" if skew > 0 else "probe.clock.behind"
    return Finding(say("probe.clock"), say(words, n=number(round(abs(skew)))), abs(skew) <= TOLERATED)
