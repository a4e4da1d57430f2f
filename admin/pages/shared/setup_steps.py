"""Steps of a clinic's setup, from the clinic itself to the first record that arrives: state and page of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from admin.pages.shared.layout import Layout
from admin.people.permissions import Permission
from admin.text.words import localized, number, say
from engine.catalog.catalog import Catalog
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.queries.setup import SetupProgress, setup_progress
from engine.specs.code_list import CodeList

NEW_CLINIC = "/admin/facilities/create"
NOTHING = SetupProgress(frozenset(), frozenset(), frozenset(), False, False, False, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SetupStep:
    """A step, the facts about it in words, and the page where it is done; `act` is the label of its button."""

    name: str
    done: bool
    facts: str
    href: str
    act: str
    needs: Permission
    optional: bool = False


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
        act = say("mapping.upload", many=mapping.many)
        href = f"/pemetaan/{mapping.name}{'' if progress.has_items else '/berkas'}"
        yield SetupStep("items", progress.has_items, "", href, act, Permission.MAP, optional=True)
    yield _first_record(layout, progress)


def _credentials(catalog: Catalog, facility: FacilityRow | None, progress: SetupProgress) -> SetupStep:
    labels = {name: localized(spec.label) for name, spec in catalog.upstreams.items() if spec.credentials}
    entered = ", ".join(label for name, label in labels.items() if name in progress.entered)
    accepted = ", ".join(label for name, label in labels.items() if name in progress.accepted)
    untested = bool(entered) and not accepted
    facts = say("setup.credentials.untested", upstreams=entered) if untested else accepted
    home, id_ = "/admin/facilities", facility.id if facility else 0
    href = f"{home}/details/{id_}" if entered else f"{home}/edit/{id_}"
    act = say("health.try" if entered else "setup.credentials.act")
    # Whatever was sent, was accepted with the credentials.
    return SetupStep("credentials", bool(accepted) or progress.sent > 0, facts, href, act, Permission.MANAGE)


def _ways_in(catalog: Catalog, progress: SetupProgress) -> Iterator[SetupStep]:
    """Yield the ways by which records come: a key of the clinic's system, or its database; one of them is enough."""
    # Records that came without a key were entered at the server, or read.
    key = progress.has_key or (progress.submitted > 0 and not progress.reads)
    if key or not progress.reads:
        href = f"/admin/keys/{'list' if key else 'create'}"
        yield SetupStep("key", key, "", href, say("setup.key.act"), Permission.MANAGE)
    if progress.reads or catalog.sources or not key:
        labels = ", ".join(localized(source.label) for source in catalog.sources.values())
        act = say("setup.source.act" if catalog.sources else "setup.source.choose")
        yield SetupStep("source", progress.reads, labels, "/sumber", act, Permission.SOURCES, optional=True)


def _lists(used: list[CodeList], lists: list[CodeList], progress: SetupProgress) -> SetupStep:
    unread = [code_list for code_list in used if code_list.name not in progress.read]
    facts = say("setup.lists.n", done=number(len(used) - len(unread)), total=number(len(used))) if used else ""
    href = f"/referensi/{next(iter(unread or used or lists)).name}"
    return SetupStep("lists", bool(used) and not unread, facts, href, say("setup.lists.act"), Permission.SYNC)


def _first_record(layout: Layout, progress: SetupProgress) -> SetupStep:
    facts, href = "", f"/integrasi/{layout.upstream.name}"
    if progress.sent:
        facts = say("setup.record.sent", n=number(progress.sent))
    elif progress.failed:
        facts, href = say("setup.record.failed", n=number(progress.failed)), f"{href}/masalah"
    elif progress.submitted:
        facts = say("setup.record.under_way", n=number(progress.submitted))
    return SetupStep("record", progress.sent > 0, facts, href, say("setup.record.act"), Permission.SATUSEHAT)
