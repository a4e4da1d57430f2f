"""Pauses and notes in words: what is paused, until when, by whom and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from admin.text.words import localized, say, sentence
from engine.catalog.catalog import Catalog
from engine.facilities.facilities import FacilityRow
from engine.notices import Notice
from engine.outbox.pauses.pauses import AUTOMATIC, Pause, pause_of

MAX_SHOWN = 2  # current pauses in the strip; the page has all of them
ANNOUNCED_MS = 7 * 86_400_000  # before it begins, from which on the strip names a planned pause
PAGE = "/jeda"


@dataclass(frozen=True, slots=True)
class PausesInForce:
    """Current and planned pauses and the notes that people of a facility see at the time `now` (epoch milliseconds)."""

    catalog: Catalog
    facility: FacilityRow | None
    now: int = 0
    pauses: Sequence[Pause] = ()
    notices: Sequence[Notice] = ()

    @property
    def current(self) -> list[Pause]:
        return [pause for pause in self.pauses if pause.is_current(self.now)]

    @property
    def planned(self) -> list[Pause]:
        return [pause for pause in self.pauses if not pause.is_current(self.now)]

    def of(self, upstream: str, spec: str) -> Pause | None:
        """Return the pause that keeps a type from being sent."""
        return pause_of(self.pauses, upstream, spec, self.now)

    def of_upstream(self, upstream: str) -> Pause | None:
        """Return the pause of the whole upstream."""
        return next((pause for pause in self.current if pause.upstream == upstream and pause.spec is None), None)

    def words(self, pause: Pause | None) -> str:
        """Return "Dijeda sampai 14.00 oleh sari: alasan"; empty without a pause."""
        if pause is None:
            return ""
        until = self.until(pause.ends_at)
        return f"{say('pause.briefly', until=until)} {said_by(pause.actor, pause.reason)}"

    def briefly(self, pause: Pause | None) -> str:
        """Return "Dijeda sampai 14.00"; empty without a pause."""
        return say("pause.briefly", until=self.until(pause.ends_at)) if pause else ""

    def subject(self, pause: Pause) -> str:
        """Return what is paused: the type, or all deliveries to the upstream."""
        spec = self.catalog.specs.get(pause.spec or "")
        upstream = self.catalog.upstreams.get(pause.upstream)
        whole = localized(upstream.label) if upstream else pause.upstream
        if pause.spec is None:
            return say("pause.whole", upstream=whole)
        return f"{localized(spec.label) if spec else pause.spec} ({pause.path or whole})"

    def until(self, at: int | None) -> str:
        return until_words(at, self.facility, self.now) if self.facility else ""

    @property
    def announcements(self) -> list[Announcement]:
        """Return the lines below the header of every page: notes, what is paused, and what will be next."""
        return list(self._announcements())

    def _announcements(self) -> Iterator[Announcement]:
        for notice in self.notices:
            by = say("notice.by", by=notice.actor)
            until = f", {self.until(notice.ends_at)}" if notice.ends_at else ""
            yield Announcement("speakerphone", notice.text, f"{by}{until}")
        for pause in self.current[:MAX_SHOWN]:
            yield Announcement("player-pause", self.subject(pause), self.words(pause))
        soon = [pause for pause in self.planned if pause.begins_at - self.now < ANNOUNCED_MS]
        for pause in soon[:1]:
            begins = short_time(pause.begins_at, self.facility, self.now) if self.facility else ""
            span = say("pause.planned", at=begins, until=self.until(pause.ends_at))
            yield Announcement("calendar-time", self.subject(pause), f"{span}: {sentence(pause.reason)}")
        more = len(self.current[MAX_SHOWN:]) + len(soon[1:])
        if more:
            yield Announcement("dots", say("pause.more", n=more))


def said_by(actor: str, reason: str) -> str:
    """Return "oleh sari: alasan"."""
    return say("pause.by", by=say("pause.automatic") if actor == AUTOMATIC else actor, reason=sentence(reason))


def until_words(at: int | None, facility: FacilityRow, now: int) -> str:
    """Return "sampai 14.00"; without a time, that a person has to end it."""
    return say("pause.until", at=short_time(at, facility, now)) if at is not None else say("pause.until.resumed")


def short_time(at: int, facility: FacilityRow, now: int) -> str:
    """Return a time as 14.00 on the present day, else with its date."""
    local, today = facility.local(at), facility.local(now)
    return f"{local:%H.%M}" if local.date() == today.date() else f"{local:%d/%m/%Y %H.%M}"


@dataclass(frozen=True, slots=True)
class Announcement:
    """A line below the header: `text` first, `note` in smaller words."""

    icon: str
    text: str
    note: str = ""
