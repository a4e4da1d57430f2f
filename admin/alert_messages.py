"""What people outside the panel are told, in its words: what went wrong, what is well again, how yesterday went."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.notifications.contract import Notification
from admin.pages.deliveries.failure_groups import any_of
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment, zone_name
from admin.text.words import number, say
from engine.alerts.conditions import ConditionKind, Trouble
from engine.alerts.facts import ClinicFacts, Facts, today
from engine.alerts.ledger import LedgerEntry, News
from engine.alerts.recipients import Recipient
from engine.catalog.catalog import Catalog
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox import counters
from engine.queries.todo import Failure, Missing, todo_facts

HELD = (Status.BLOCKED, Status.QUEUED, Status.RETRYING, Status.UNSURE, Status.SENDING)
"""What is neither sent nor failed."""
MOST = 5
"""Things to do that a digest names."""
PLACES = {
    ConditionKind.REFUSED: "/admin/facilities/details/{facility}",
    ConditionKind.FAILURES: "/integrasi/{subject}/masalah",
}
"""Where in the panel to look; else at its health."""


class AlertMessages:
    """The voice of engine.alerts.watch."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def changes(self, recipient: Recipient, found: Facts, told: News) -> Notification:
        """One letter for all that changed."""
        parts = (("raised", told.raised), ("cleared", told.cleared), ("lasting", told.lasting))
        blocks = ["\n".join(self._block(name, entries, found)) for name, entries in parts if entries]
        events = [self._event("raised", entry, found) for entry in told.raised]
        events += [self._event("cleared", entry, found) for entry in told.cleared]
        return self._letter(self._subject(told, found), [*blocks, say("letter.panel", url=self._panel)], events)

    async def digest(self, recipient: Recipient, found: Facts) -> Notification:
        """How yesterday went and what there is to do, by clinic."""
        clinics = [each for id_, each in found.clinics.items() if recipient.facility_id in (None, id_)]
        blocks = ["\n".join(await self._yesterday(clinic)) for clinic in clinics]
        name = clinics[0].facility.name if len(clinics) == 1 else say("letter.clinics", n=len(clinics))
        return self._letter(say("letter.digest", clinic=name), [*blocks, say("letter.panel", url=self._panel)], [])

    def trial(self) -> Notification:
        """What *Kirim uji* sends."""
        return self._letter(say("letter.trial"), [say("letter.trial.text"), self._panel], [{"state": "trial"}])

    @property
    def _panel(self) -> str:
        return self._hub.settings.panel

    def _letter(self, subject: str, blocks: list[str], events: Sequence[Mapping[str, Any]]) -> Notification:
        mark = {"production": "", "sandbox": "[UJI] ", "demo": "[DEMO] "}[self._hub.settings.environment]
        return Notification(f"{mark}Antar: {subject}", "\n\n".join(blocks), tuple(events))

    def _subject(self, told: News, found: Facts) -> str:
        first = (told.raised or told.cleared)[0].trouble
        title = self._title(first, found, well=not told.raised)
        more = len(told.raised or told.cleared) - 1
        return f"{title} {say('letter.more', n=more)}" if more else title

    def _block(self, name: str, entries: tuple[LedgerEntry, ...], found: Facts) -> Iterator[str]:
        yield say(f"letter.{name}")
        for entry in entries:
            trouble = entry.trouble
            since = say(f"letter.{'was' if name == 'cleared' else 'since'}", at=_at(found, trouble))
            yield f"- {self._title(trouble, found, well=name == 'cleared')}, {since}"
            if name == "raised":
                yield f"  {say(f'letter.{trouble.kind}.remedy')}"
                yield f"  {self._place(trouble)}"

    def _title(self, trouble: Trouble, found: Facts, *, well: bool = False) -> str:
        clinic = found.clinics.get(trouble.facility_id)
        return say(
            f"letter.{trouble.kind}.well" if well else f"letter.{trouble.kind}",
            clinic=clinic.facility.name if clinic else "",
            subject=_label(self._hub.catalog, trouble),
            n=number(trouble.n),
            of=number(trouble.of),
        )

    def _place(self, trouble: Trouble) -> str:
        place = PLACES.get(trouble.kind, "/kesehatan")
        return self._panel + place.format(subject=trouble.subject, facility=trouble.facility_id)

    def _event(self, state: str, entry: LedgerEntry, found: Facts) -> dict[str, Any]:
        trouble = entry.trouble
        clinic = found.clinics.get(trouble.facility_id)
        since = datetime.fromtimestamp(trouble.since / 1000, UTC).isoformat(timespec="seconds")
        names = {"facility": clinic.facility.code if clinic else "", "subject": trouble.subject, "since": since}
        title = self._title(trouble, found, well=state == "cleared")
        return {"state": state, "kind": trouble.kind.value, **names, "title": title}

    async def _yesterday(self, clinic: ClinicFacts) -> list[str]:
        facility = clinic.facility
        day = today(self._hub.database, facility.time_zone) - timedelta(days=1)
        then = _summed(await counters.read(self._hub.database, facility.id, day.isoformat(), day.isoformat()))
        overall = _summed(await counters.read(self._hub.database, facility.id))
        lines = [
            say("letter.yesterday", clinic=facility.name, day=f"{day:%d/%m/%Y}"),
            say("letter.counts", **{name: number(n) for name, n in then.items()}),
            say("letter.overall", failed=number(overall["failed"]), held=number(overall["held"])),
        ]
        todo = [line async for line in self._todo(facility.id)] if overall["failed"] or overall["held"] else []
        return [*lines, *([say("letter.todo"), *todo] if todo else [say("letter.nothing")])]

    async def _todo(self, facility_id: int) -> AsyncIterator[str]:
        """What frees most: failures that are mended alike, and types that others wait for."""
        for upstream in self._hub.catalog.upstreams.values():
            specs = [spec for spec in self._hub.catalog.specs.values() if spec.upstream.name == upstream.name]
            found = await todo_facts(self._hub.database, facility_id, specs)
            alike: dict[str, list[Failure]] = {}
            for failure in found.failures:
                alike.setdefault(explain(failure.cause, upstream).title, []).append(failure)
            for title, failures in list(alike.items())[:MOST]:
                labels = ", ".join(dict.fromkeys(self._hub.catalog.specs[each.spec].label for each in failures))
                yield say("letter.mend", n=number(sum(each.n for each in failures)), labels=labels, title=title)
                yield f"  {self._panel}/integrasi/{upstream.name}/masalah"
            for missing in found.missing[:MOST]:
                for line in self._missing(missing):
                    yield line

    def _missing(self, missing: Missing) -> tuple[str, str]:
        """Items that have no code yet, or records that nobody handed in; and where to look."""
        told = {"n": number(len(missing.keys)), "behind": number(missing.behind)}
        mapping = self._hub.catalog.items.get(missing.specs[0])
        if mapping is not None:
            return say("letter.map", one=mapping.one, **told), f"  {self._panel}/pemetaan/{mapping.name}"
        spec = self._hub.catalog.specs[missing.specs[0]]
        place = f"  {self._panel}/integrasi/{spec.upstream.name}/masalah"
        return say("letter.hand_in", label=any_of(self._hub, missing.specs), **told), place


def _label(catalog: Catalog, trouble: Trouble) -> str:
    named = catalog.code_lists if trouble.kind is ConditionKind.LIST else catalog.upstreams
    entry = named.get(trouble.subject)
    return entry.label if entry else trouble.subject


def _at(found: Facts, trouble: Trouble) -> str:
    facility = found.clinics[trouble.facility_id].facility
    since = moment(trouble.since, facility)
    return f"{since.short} {zone_name(facility)}" if since else ""


def _summed(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    def total(*statuses: str) -> int:
        return sum(of_type.get(status, 0) for of_type in counts.values() for status in statuses)

    return {"sent": total(Status.SENT), "failed": total(Status.FAILED), "held": total(*HELD)}
