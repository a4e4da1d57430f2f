"""Steps of a clinic's setup, from the clinic itself to the first record that arrives: state and page of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from admin.pages.shared.layout import Layout
from admin.pages.shared.menu import SOURCES_PATH
from admin.people.permissions import Permission
from admin.text.words import localized, number, say
from engine.catalog.catalog import Catalog
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.setup import SetupProgress, setup_progress
from engine.specs.code_list import CodeList
from engine.specs.mapping import MappingSpec

NEW_CLINIC = "/admin/facilities/create"
NOTHING = SetupProgress(frozenset(), frozenset(), frozenset(), frozenset(), False, False, False, 0, {}, 0)


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step, the facts about it in words, and the page where it is done; `act` is the label of its button.

    `hint` is the name of the message that tells what to do; without one it is that of the step.
    """

    name: str
    done: bool
    facts: str
    href: str
    act: str
    needs: Permission
    optional: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Setup:
    """The steps of the chosen clinic."""

    steps: tuple[SetupStep, ...]

    @property
    def running(self) -> bool:
        """Return True if the last step is done: a record was sent, so that what is left may be folded away."""
        return bool(self.steps) and self.steps[-1].done

    @property
    def n_done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def complete(self) -> bool:
        """Return True if every step is done, except for those that not every clinic needs."""
        return all(step.done or step.optional for step in self.steps)

    @property
    def next(self) -> SetupStep | None:
        """Return the first step that is not done."""
        return next((step for step in self.steps if not step.done), None)

    def place(self, name: str) -> int:
        """Return the number of a step, beginning with 1; 0 if there is no such step."""
        return next((place for place, step in enumerate(self.steps, 1) if step.name == name), 0)


async def setup_of(hub: Hub, layout: Layout) -> Setup:
    """Return the steps of the layout's clinic, or of the clinic that has yet to be added."""
    catalog, facility = hub.catalog, layout.facility
    lists = [code_list for code_list in catalog.code_lists.values() if code_list.every is not None]
    progress = await setup_progress(hub.database, facility.id, lists) if facility else NOTHING
    return Setup(tuple(_steps(catalog, layout, facility, lists, progress)))


def _steps(
    catalog: Catalog, layout: Layout, facility: FacilityRow | None, lists: list[CodeList], progress: SetupProgress
) -> Iterator[SetupStep]:
    name, href = (facility.name, f"/admin/facilities/details/{facility.id}") if facility else ("", NEW_CLINIC)
    yield SetupStep("facility", facility is not None, name, href, say("setup.facility.act"), Permission.MANAGE)
    yield _credentials(catalog, facility, progress)
    if lists:
        yield _lists([code_list for code_list in lists if code_list.upstream.name in progress.entered], lists, progress)
    yield from _ways_in(catalog, progress)
    if mapping := next(iter(catalog.mappings.values()), None):
        yield _items(catalog, mapping, progress)
    yield _first_record(catalog, layout, progress)


def _credentials(catalog: Catalog, facility: FacilityRow | None, progress: SetupProgress) -> SetupStep:
    labels = {name: localized(spec.label) for name, spec in catalog.upstreams.items() if spec.credentials}
    entered, accepted, refused = (
        ", ".join(label for name, label in labels.items() if name in names)
        for names in (progress.entered, progress.accepted, progress.refused)
    )
    facts = accepted
    if not accepted:
        state = "refused" if refused else "untested"
        facts = say(f"setup.credentials.{state}", upstreams=refused or entered) if entered else ""
    home, id_ = "/admin/facilities", facility.id if facility else 0
    to_test = bool(accepted or (entered and not refused))
    href = f"{home}/details/{id_}" if to_test else f"{home}/edit/{id_}"
    act = say("health.try" if to_test else "setup.credentials.act")
    # Whatever was sent, was accepted with the credentials.
    return SetupStep("credentials", bool(accepted or progress.sent), facts, href, act, Permission.MANAGE)


def _ways_in(catalog: Catalog, progress: SetupProgress) -> Iterator[SetupStep]:
    """Yield the ways by which records come: the clinic's database, or a key of its system; one of them is enough."""
    # Records that came without a key were entered at the server, or read.
    has_key = progress.has_key or (progress.submitted > 0 and not progress.reads)
    if progress.reads or not has_key:
        yield _source(catalog, progress)
    if has_key or not progress.reads:
        href = f"/admin/keys/{'list' if has_key else 'create'}"
        yield SetupStep("key", has_key, "", href, say("setup.key.act"), Permission.MANAGE, optional=True)


def _source(catalog: Catalog, progress: SetupProgress) -> SetupStep:
    chosen = [source for source in catalog.sources.values() if source.account in progress.entered]
    labels = ", ".join(localized(source.label) for source in chosen or catalog.sources.values())
    facts = say("setup.source.unstarted", source=labels) if chosen and not progress.reads else labels
    act = say("setup.source.go_on" if chosen else "setup.source.act")
    return SetupStep("source", progress.reads, facts, SOURCES_PATH, act, Permission.SOURCES)


def _items(catalog: Catalog, mapping: MappingSpec, progress: SetupProgress) -> SetupStep:
    entered = (source for source in catalog.sources.values() if source.account in progress.entered)
    is_read = any(read.into == mapping.item for source in entered for read in source.reads.values())
    act = say("setup.look") if is_read else say("mapping.upload", many=mapping.many)
    href = f"/pemetaan/{mapping.name}{'' if progress.has_items or is_read else '/berkas'}"
    hint = "setup.step.items.read" if is_read else ""
    return SetupStep("items", progress.has_items, "", href, act, Permission.MAP, optional=True, hint=hint)


def _lists(used: list[CodeList], lists: list[CodeList], progress: SetupProgress) -> SetupStep:
    unread = [code_list for code_list in used if code_list.name not in progress.read]
    facts = say("setup.lists.n", done=number(len(used) - len(unread)), total=number(len(used))) if used else ""
    href = f"/referensi/{next(iter(unread or used or lists)).name}"
    return SetupStep("lists", bool(used) and not unread, facts, href, say("setup.lists.act"), Permission.SYNC)


def _first_record(catalog: Catalog, layout: Layout, progress: SetupProgress) -> SetupStep:
    """Return the last step: a visit was sent, or any record if the upstream of visits is not used."""
    used = catalog.upstreams.keys() & progress.entered or catalog.upstreams.keys()
    visits = {name for name in catalog.visit_types if catalog.specs[name].upstream.name in used}
    n_visits, n_sent = sum(progress.sent.get(name, 0) for name in visits), sum(progress.sent.values())
    facts, href = "", f"/integrasi/{layout.upstream.name}"
    if n_visits:
        facts = say("setup.visit.sent", n=number(n_visits))
    elif progress.failed:
        facts, href = say("setup.record.failed", n=number(progress.failed)), f"{href}/masalah"
    elif n_sent:
        facts = say("setup.record.sent", n=number(n_sent))
    elif progress.submitted:
        facts = say("setup.record.under_way", n=number(progress.submitted))
    name, act = "visit" if visits else "record", say("setup.record.act")
    is_read = progress.reads or any(source.account in progress.entered for source in catalog.sources.values())
    hint = "setup.step.record.read" if is_read else ""
    return SetupStep(name, bool(n_visits if visits else n_sent), facts, href, act, Permission.SATUSEHAT, hint=hint)
