"""Texts of the alerts and digests that are sent to recipients: failures, recoveries and yesterday's figures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.notifications.contract import Notification
from admin.pages.problems.root_causes import root_causes
from admin.pages.problems.states import open_causes
from admin.pages.shared.formatting import moment, zone_name
from admin.text.words import localized, number, say
from engine.alerts.conditions import ConditionKind, Trouble
from engine.alerts.facts import ClinicFacts, Facts
from engine.alerts.ledger import LedgerEntry, News
from engine.alerts.recipients import Recipient
from engine.catalog.catalog import Catalog
from engine.catalog.credential_sets import credential_sets
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.todo import todo_facts

UNSETTLED = (Status.BLOCKED, Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.SENDING)
MAX_TODOS = 5  # of each upstream in a digest
PAGES = {  # page of the panel for each kind of condition; for the others it is the page of its health
    ConditionKind.REFUSED: "/admin/facilities/details/{facility}",
    ConditionKind.FAILURES: "/integrasi/{subject}/masalah",
    ConditionKind.PATH: "/jeda",
    ConditionKind.TELL: "/admin/facilities/details/{facility}",
    ConditionKind.ABSENT: "/kunjungan/belum-diserahkan",
    ConditionKind.ESCALATED: "/masalah#m-{subject}",
    **dict.fromkeys((ConditionKind.SOURCE, ConditionKind.SOURCE_AWAY, ConditionKind.SOURCE_LATE), "/sumber"),
}


class AlertMessages:
    """Writes the messages that engine.alerts.watch sends."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def changes(self, recipient: Recipient, facts: Facts, news: News) -> Notification:
        """Return one message about all conditions that changed."""
        parts = (("raised", news.raised), ("cleared", news.cleared), ("lasting", news.lasting))
        blocks = ["\n".join(self._block(name, entries, facts)) for name, entries in parts if entries]
        events = [self._event("raised", entry, facts) for entry in news.raised]
        events += [self._event("cleared", entry, facts) for entry in news.cleared]
        return self._notification(
            self._subject(news, facts), [*blocks, say("notification.panel", url=self._panel)], events
        )

    async def digest(self, recipient: Recipient, facts: Facts) -> Notification:
        """Return the digest: yesterday's figures and the things to do, by clinic."""
        clinics = [clinic for id_, clinic in facts.clinics.items() if recipient.facility_id in (None, id_)]
        blocks = ["\n".join(await self._yesterday(clinic)) for clinic in clinics]
        name = clinics[0].facility.name if len(clinics) == 1 else say("notification.clinics", n=len(clinics))
        return self._notification(
            say("notification.digest", clinic=name), [*blocks, say("notification.panel", url=self._panel)], []
        )

    def trial(self) -> Notification:
        """Return the message that *Kirim uji* sends."""
        return self._notification(
            say("notification.trial"), [say("notification.trial.text"), self._panel], [{"state": "trial"}]
        )

    @property
    def _panel(self) -> str:
        return self._hub.settings.panel

    def _notification(self, subject: str, blocks: list[str], events: Sequence[Mapping[str, Any]]) -> Notification:
        prefix = {"production": "", "sandbox": "[UJI] ", "demo": "[DEMO] "}[self._hub.settings.environment]
        return Notification(f"{prefix}Antar: {subject}", "\n\n".join(blocks), tuple(events))

    def _subject(self, news: News, facts: Facts) -> str:
        first = (news.raised or news.cleared)[0].trouble
        title = self._title(first, facts, well=not news.raised)
        more = len(news.raised or news.cleared) - 1
        return f"{title} {say('notification.more', n=more)}" if more else title

    def _block(self, name: str, entries: tuple[LedgerEntry, ...], facts: Facts) -> Iterator[str]:
        yield say(f"notification.{name}")
        for entry in entries:
            trouble = entry.trouble
            since = say(f"notification.{'was' if name == 'cleared' else 'since'}", at=_at(facts, trouble))
            yield f"- {self._title(trouble, facts, well=name == 'cleared')}, {since}"
            if name == "raised":
                yield f"  {say(f'notification.{trouble.kind}.remedy')}"
                yield f"  {self._link(trouble)}"

    def _title(self, trouble: Trouble, facts: Facts, *, well: bool = False) -> str:
        clinic = facts.clinics.get(trouble.facility_id)
        return say(
            f"notification.{trouble.kind}.well" if well else f"notification.{trouble.kind}",
            clinic=clinic.facility.name if clinic else "",
            subject=_label(self._hub.catalog, trouble),
            n=number(trouble.n),
            of=number(trouble.of),
            hours=clinic.facility.escalation_hours if clinic else "",
        )

    def _link(self, trouble: Trouble) -> str:
        page = PAGES.get(trouble.kind, "/kesehatan")
        return self._panel + page.format(subject=trouble.subject, facility=trouble.facility_id)

    def _event(self, state: str, entry: LedgerEntry, facts: Facts) -> dict[str, Any]:
        trouble = entry.trouble
        clinic = facts.clinics.get(trouble.facility_id)
        since = datetime.fromtimestamp(trouble.since / 1000, UTC).isoformat(timespec="seconds")
        names = {"facility": clinic.facility.code if clinic else "", "subject": trouble.subject, "since": since}
        title = self._title(trouble, facts, well=state == "cleared")
        return {"state": state, "kind": trouble.kind.value, **names, "title": title}

    async def _yesterday(self, clinic: ClinicFacts) -> list[str]:
        facility = clinic.facility
        day = facility.local(self._hub.database.clock()).date() - timedelta(days=1)
        yesterday = _summed(await counters.read(self._hub.database, facility.id, day.isoformat(), day.isoformat()))
        overall = _summed(await counters.read(self._hub.database, facility.id))
        lines = [
            say("notification.yesterday", clinic=facility.name, day=f"{day:%d/%m/%Y}"),
            say("notification.counts", **{name: number(n) for name, n in yesterday.items()}),
            say("notification.overall", failed=number(overall["failed"]), held=number(overall["held"])),
        ]
        todo = [line async for line in self._todo(facility)] if overall["failed"] or overall["held"] else []
        return [*lines, *([say("notification.todo"), *todo] if todo else [say("notification.nothing")])]

    async def _todo(self, facility: FacilityRow) -> AsyncIterator[str]:
        """Yield the root causes of each upstream that hold most deliveries, each with a link to what helps."""
        catalog = self._hub.catalog
        for upstream in catalog.upstreams.values():
            specs = [spec for spec in catalog.specs.values() if spec.upstream.name == upstream.name]
            facts = await todo_facts(self._hub.database, facility.id, specs)
            causes = await open_causes(self._hub, facility, root_causes(catalog, upstream, facility, facts, ()))
            for cause in causes[:MAX_TODOS]:
                effect = cause.frees if cause.behind else ""
                n = say("notification.n", n=number(cause.n)) if cause.n else ""
                labels = f"{cause.labels}: " if cause.missing is None else ""
                yield f"- {labels}{cause.explanation.title} ({', '.join(filter(None, (n, effect)))})"
                yield f"  {self._panel}{cause.main.href if cause.main else f'/masalah#{cause.id}'}"


def _label(catalog: Catalog, trouble: Trouble) -> str:
    if trouble.name:
        return trouble.name
    places: dict[ConditionKind, Mapping[str, Any]] = {
        ConditionKind.LIST: catalog.code_lists,
        ConditionKind.PATH: catalog.specs,
        ConditionKind.SOURCE: catalog.sources,
        ConditionKind.SOURCE_AWAY: catalog.sources,
        ConditionKind.SOURCE_LATE: catalog.sources,
    }
    if trouble.kind == ConditionKind.TELL:
        labels = {access.name: access.label for access in credential_sets(catalog)}
        return localized(labels[trouble.subject]) if trouble.subject in labels else trouble.subject
    entry = places.get(trouble.kind, catalog.upstreams).get(trouble.subject)
    return localized(entry.label) if entry else trouble.subject


def _at(facts: Facts, trouble: Trouble) -> str:
    facility = facts.clinics[trouble.facility_id].facility
    since = moment(trouble.since, facility)
    return f"{since.short} {zone_name(facility)}" if since else ""


def _summed(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    def total(*statuses: str) -> int:
        return sum(of_type.get(status, 0) for of_type in counts.values() for status in statuses)

    return {"sent": total(Status.SENT), "failed": total(Status.FAILED), "held": total(*UNSETTLED)}
