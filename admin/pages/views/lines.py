"""Saved views as the menu and the page list them: what each shows in words, its address and its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from admin.pages.jobs.selection import choice_in_words, stored_choice
from admin.pages.shared.date_field import written_period
from admin.pages.shared.layout import Layout
from admin.pages.views.counts import ViewCounter
from admin.pages.views.opened import ChosenView, ViewPage, chosen_of, spans
from admin.people.saved_views import SavedView, views_of
from admin.text.words import localized, say
from engine.hub import Hub
from engine.queries.paging import Count

ICONS = {ViewPage.LIST: "list", ViewPage.PROBLEMS: "alert-triangle", ViewPage.VISITS: "users"}


@dataclass(frozen=True, slots=True)
class ViewLine:
    """A saved view; `chosen` is None if its type is not declared any more, `count` if it is not counted."""

    view: SavedView
    label: str
    words: Sequence[str]
    chosen: ChosenView | None
    count: Count | None
    is_current: bool
    is_kept: bool  # by the person, who may rename and delete it

    @property
    def icon(self) -> str:
        return ICONS[self.chosen.page] if self.chosen else "question-mark"


async def view_lines(
    hub: Hub, layout: Layout, counter: ViewCounter, current: ChosenView | None = None
) -> list[ViewLine]:
    """Return the views of the chosen clinic that the person sees; those of the current page come first."""
    if layout.facility is None:
        return []
    lines, named = [], spans(layout, hub.database.clock())
    for view in await views_of(hub.database, layout.facility.id, layout.person):
        chosen = chosen_of(view, hub.catalog, named)
        lines.append(
            ViewLine(
                view,
                label_of(chosen) if chosen else view.spec,
                in_words(hub, layout, chosen, view.days if view.days in named else "") if chosen else (),
                chosen,
                await counter.count(chosen) if chosen else None,
                chosen is not None and chosen == current,
                view.is_kept_by(layout.person),
            )
        )
    return sorted(lines, key=lambda line: not _is_of_page(line.chosen, current))


def label_of(chosen: ChosenView) -> str:
    """Return the name of the page that a view shows."""
    if chosen.page is ViewPage.VISITS:
        return say("nav.visits")
    if chosen.spec is None:
        return say("nav.problems")
    label = localized(chosen.spec.label)
    return f"{label} · {say('nav.problems')}" if chosen.page is ViewPage.PROBLEMS else label


def in_words(hub: Hub, layout: Layout, chosen: ChosenView, span: str = "") -> list[str]:
    """Return the conditions of a view in words; `span` names its days if they move on."""
    days = written_period(chosen.filters.date_from, chosen.filters.date_to)
    words = [say(f"period.{span}") if span else days]
    stored = stored_choice("", chosen.filters.during("", ""))
    upstream = chosen.spec.upstream if chosen.spec else layout.upstream
    choice = {**stored, "spec": chosen.spec.name} if chosen.spec else {k: v for k, v in stored.items() if k != "spec"}
    said = choice_in_words(hub, replace(layout, upstream=upstream), choice)
    words += [value for label, value in said if label != say("chosen.spec")]
    for name, value in chosen.own:
        area = hub.catalog.upstreams.get(value)
        words.append(localized(area.area or area.label) if name == "area" and area else say("visit.incomplete"))
    return [word for word in words if word]


def _is_of_page(chosen: ChosenView | None, current: ChosenView | None) -> bool:
    return current is not None and chosen is not None and (chosen.page, chosen.spec) == (current.page, current.spec)
