"""Menu in the sidebar: entries of each group, and the one entry that the open page belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import localized, say
from engine.catalog.catalog import Catalog
from engine.specs.upstream import UpstreamSpec

SETTINGS_PATH = "/admin"
ACCOUNT_PATH = "/akun"
WORKBENCH_PATH = "/meja-uji"
SOURCES_PATH, SOURCES_ICON = "/sumber", "database-import"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A link; pages whose path begins with one of `prefixes`, or has the part `inner` anywhere, belong to it."""

    label: str
    icon: str
    href: str
    prefixes: tuple[str, ...]
    inner: str = ""

    def match(self, path: str) -> int:
        """Return the length of what the path and the entry have in common."""
        if self.inner and self.inner in path.split("/"):
            return len(path)
        return max((len(prefix) for prefix in self.prefixes if _within(path, prefix)), default=0)


@dataclass(frozen=True, slots=True)
class MenuGroup:
    """Entries of an upstream, or of the upstreams that share an area."""

    label: str
    entries: tuple[MenuEntry, ...]


@dataclass(frozen=True, slots=True)
class Menu:
    """Groups under *Integrasi*, the entries below them, and the current entry."""

    groups: tuple[MenuGroup, ...]
    others: tuple[MenuEntry, ...]
    current: MenuEntry | None


def menu_for(catalog: Catalog, person: Person, *, has_facility: bool, path: str) -> Menu:
    """Return the menu with what the person may open; `path` is the address of the open page."""
    groups = tuple(_groups(catalog, person, has_facility=has_facility)) if person.may(Permission.SATUSEHAT) else ()
    others = tuple(_others(person))
    entries = [*(entry for group in groups for entry in group.entries), *others]
    current = max(entries, key=lambda entry: entry.match(path), default=None)
    return Menu(groups, others, current if current is not None and current.match(path) else None)


def _groups(catalog: Catalog, person: Person, *, has_facility: bool) -> Iterator[MenuGroup]:
    """Yield the upstreams without an area each for itself, then those that share one together."""
    upstreams = list(catalog.upstreams.values())
    for upstream in upstreams:
        if not upstream.area:
            home = f"/integrasi/{upstream.name}"
            dashboard = MenuEntry(say("nav.dashboard"), "layout-dashboard", home, (home, "/laporan"))
            entries = (dashboard, *_mappings(catalog, {upstream.name}, has_facility=has_facility))
            lists = _code_lists(catalog, {upstream.name})
            yield MenuGroup(localized(upstream.label), (*entries, *lists, *_identity(upstream, person)))
    for position, area in enumerate(dict.fromkeys(upstream.area for upstream in upstreams if upstream.area)):
        names = [upstream.name for upstream in upstreams if upstream.area == area]
        pages = _area(catalog, names, first=position == 0, has_facility=has_facility)
        yield MenuGroup(localized(area), tuple(pages))


def _area(catalog: Catalog, names: list[str], *, first: bool, has_facility: bool) -> Iterator[MenuEntry]:
    """Yield the pages of an area; those of the first area have the short addresses."""
    homes = [f"/integrasi/{name}" for name in names]
    overview = "/bpjs" if first else f"/bpjs/{names[0]}"
    yield MenuEntry(
        say("nav.overview"), "chart-bar", overview, (overview, *(f"/bpjs/{name}" for name in names), *homes)
    )
    # The lists of all types of the area belong to it.
    monitoring = tuple(f"/monitoring/{name}" for name in names)
    lists = (*monitoring, *(f"{home}/" for home in homes))
    yield MenuEntry(say("monitoring"), "activity", "/monitoring" if first else monitoring[0], lists)
    yield from _code_lists(catalog, names, by_upstream=True)
    yield from _mappings(catalog, names, has_facility=has_facility)
    for inbound in catalog.inbound.values():
        if catalog.code_lists[inbound.polis].upstream.name in names:
            yield MenuEntry(localized(inbound.label), "device-mobile", *_own("masuk", inbound.name))


def _mappings(catalog: Catalog, names: Collection[str], *, has_facility: bool) -> Iterator[MenuEntry]:
    for mapping in catalog.mappings.values() if has_facility else ():
        if mapping.upstream.name in names:
            # The list that it maps to belongs to it.
            pages = (f"/pemetaan/{mapping.name}", f"/referensi/{mapping.catalogue.list.name}")
            yield MenuEntry(localized(mapping.label), mapping.icon, pages[0], pages)


def _code_lists(catalog: Catalog, names: Collection[str], *, by_upstream: bool = False) -> Iterator[MenuEntry]:
    """Yield one entry for each group of lists; it leads to the group's first list, or to the address of the upstream.

    Lists that a mapping uses are left out: they belong to the mapping's pages.
    """
    groups: dict[str, list[str]] = {}
    for code_list in catalog.code_lists.values():
        if code_list.upstream.name in names and code_list.name not in catalog.mapped_lists:
            short = f"/referensi/{code_list.upstream.name}"
            own = [short] if by_upstream and not any(short in paths for paths in groups.values()) else []
            groups.setdefault(localized(code_list.group), own).append(f"/referensi/{code_list.name}")
    for group, paths in groups.items():
        yield MenuEntry(group, "list-search", paths[0], tuple(paths))


def _identity(upstream: UpstreamSpec, person: Person) -> Iterator[MenuEntry]:
    if upstream.verifies_identity and person.may(Permission.IDENTIFY):
        yield MenuEntry(say("nav.identity"), "id", *_own("identitas", upstream.name))


def _others(person: Person) -> Iterator[MenuEntry]:
    if person.may(Permission.SATUSEHAT):
        yield MenuEntry(say("nav.visits"), "users", "/kunjungan", ("/kunjungan", "/pasien", "/cari"))
        # A value is replaced on a page of its type, but people come from the problem and go back to it.
        yield MenuEntry(say("nav.problems"), "alert-triangle", *_own("masalah"), inner="perbaiki")
        yield MenuEntry(say("view.title"), "bookmark", *_own("tampilan"))
        if person.may(Permission.BULK):
            yield MenuEntry(say("nav.jobs"), "list-check", *_own("pekerjaan"))
        yield MenuEntry(say("nav.health"), "heartbeat", "/kesehatan", ("/kesehatan", "/jeda"))
    if person.may(Permission.MANAGE) or (person.may(Permission.RAW) and person.may(Permission.SATUSEHAT)):
        yield MenuEntry(say("nav.settings"), "settings", SETTINGS_PATH, (SETTINGS_PATH, SOURCES_PATH, WORKBENCH_PATH))
    elif person.may(Permission.SOURCES):
        yield MenuEntry(say("sources"), SOURCES_ICON, SOURCES_PATH, (SOURCES_PATH,))


def _own(*parts: str) -> tuple[str, tuple[str, ...]]:
    """Return address and prefixes of an entry that has one page."""
    path = "/" + "/".join(parts)
    return path, (path,)


def _within(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix if prefix.endswith("/") else f"{prefix}/")
