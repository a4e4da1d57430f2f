"""*Tampilan tersimpan*: the menu beside a list, the page with all views, and saving, renaming and deleting them."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, PermissionDeniedException
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Id, Text
from admin.pages.shared.layout import Layout, layout_for
from admin.pages.views.counts import ViewCounter
from admin.pages.views.lines import in_words, label_of, view_lines
from admin.pages.views.opened import ChosenView, chosen_of, read_chosen, span_of, spans, to_be_saved
from admin.people import saved_views
from admin.people.saved_views import MAX_NAME_CHARACTERS, MAX_VIEWS, SavedView, SaveResult
from admin.text.words import say
from engine.hub import Hub
from engine.recent_facts import RecentFacts

PAGE = "/tampilan"
MENU = f"{PAGE}/menu"
PANEL = {"right": Right.PANEL}
MAX_FORM_BYTES = 16 * 1024
RESULTS = {*SaveResult, "renamed", "removed"}


@get(PAGE, opt=PANEL)
async def views_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    recent_facts: NamedDependency[RecentFacts],
    told: Text = "",
) -> Template:
    """Show all views of the clinic that the person sees."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    lines = await view_lines(hub, layout, ViewCounter(hub, layout, recent_facts))
    message = _said(SaveResult(told)) if told in set(SaveResult) else say(f"view.{told}") if told in RESULTS else ""
    context = {"frame": layout, "lines": lines, "message": message, "longest": MAX_NAME_CHARACTERS}
    return Template("views/page.html", context=context)


@get(MENU, opt=PANEL)
async def menu(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], recent_facts: NamedDependency[RecentFacts]
) -> Template:
    """Return the content of the menu beside a list, which is asked for when a person opens it."""
    chosen = read_chosen(request.query_params, hub.catalog)
    layout = await _layout(request, hub, chosen)
    left_out = bool(request.query_params.get("text"))
    return await _menu(hub, layout, recent_facts, chosen, left_out=left_out)


@post(PAGE, opt=PANEL, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def save_view(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], recent_facts: NamedDependency[RecentFacts]
) -> Template | Redirect:
    """Save the filter of the form under a name; return the menu to htmx, else go to the page of all views."""
    form = await request.form()
    chosen = read_chosen(form, hub.catalog)
    layout = await _layout(request, hub, chosen)
    if layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    place = to_be_saved(chosen, layout, hub.database.clock(), moving=form.get("moving") == "yes")
    name, shared = str(form.get("name", "")), form.get("scope") == "all"
    result = await saved_views.save(hub.database, layout.facility.id, layout.person, name, place, shared=shared)
    if "hx-request" in request.headers:
        typed = "" if result is SaveResult.DONE else saved_views.short(name)
        return await _menu(hub, layout, recent_facts, chosen, result=result, typed=typed)
    return Redirect(f"{PAGE}?told={result}", status_code=303)


@get(f"{PAGE}/{{view:int}}", opt=PANEL)
async def open_view(request: Request[Any, Any, Any], hub: NamedDependency[Hub], view: Id) -> Redirect:
    """Redirect to the list with the filter of a view; its clinic becomes the chosen one."""
    layout, found = await _view(request, hub, view)
    chosen = chosen_of(found, hub.catalog, spans(layout, hub.database.clock()))
    if chosen is None:
        raise NotFoundException(say("error.not_found"))
    return Redirect(chosen.address, status_code=302)


@post(f"{PAGE}/{{view:int}}/nama", opt=PANEL, status_code=303, request_max_body_size=MAX_FORM_BYTES)
async def rename_view(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    view: Id,
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """Give a view another name."""
    layout, found = await _kept_view(request, hub, view)
    result = await saved_views.rename(hub.database, found, layout.person, (data or {}).get("name", ""))
    return Redirect(f"{PAGE}?told={'renamed' if result is SaveResult.DONE else result}", status_code=303)


@post(f"{PAGE}/{{view:int}}/hapus", opt=PANEL, status_code=303, request_max_body_size=MAX_FORM_BYTES)
async def delete_view(request: Request[Any, Any, Any], hub: NamedDependency[Hub], view: Id) -> Redirect:
    """Delete a view."""
    layout, found = await _kept_view(request, hub, view)
    await saved_views.delete(hub.database, found, layout.person)
    return Redirect(f"{PAGE}?told=removed", status_code=303)


async def _layout(request: Request[Any, Any, Any], hub: Hub, chosen: ChosenView) -> Layout:
    upstream = chosen.spec.upstream.name if chosen.spec else next(iter(hub.catalog.upstreams))
    return await layout_for(request, upstream)


async def _view(request: Request[Any, Any, Any], hub: Hub, id_: int) -> tuple[Layout, SavedView]:
    """Return a view of the chosen clinic that the person sees, with the layout; raise 404 for any other."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    view = await saved_views.one(hub.database, id_, layout.person)
    if view is None or layout.facility is None or view.facility_id != layout.facility.id:
        raise NotFoundException(say("error.not_found"))
    return layout, view


async def _kept_view(request: Request[Any, Any, Any], hub: Hub, id_: int) -> tuple[Layout, SavedView]:
    """Return a view that the person may change; raise 403 for one that only others may change."""
    layout, view = await _view(request, hub, id_)
    if not view.is_kept_by(layout.person):
        raise PermissionDeniedException("view")
    return layout, view


async def _menu(
    hub: Hub,
    layout: Layout,
    recent_facts: RecentFacts,
    chosen: ChosenView,
    *,
    left_out: bool = False,
    result: SaveResult | None = None,
    typed: str = "",
) -> Template:
    span = span_of(chosen, layout, hub.database.clock())
    context = {
        "lines": await view_lines(hub, layout, ViewCounter(hub, layout, recent_facts), chosen),
        "fields": chosen.fields(),
        "label": label_of(chosen),
        "words": in_words(hub, layout, chosen, span),
        "span": span,
        "left_out": left_out,
        "done": result is SaveResult.DONE,
        "message": _said(result) if result else "",
        "typed": typed,
        "longest": MAX_NAME_CHARACTERS,
    }
    return Template("views/menu.html", context=context)


def _said(result: SaveResult) -> str:
    return say(f"view.{result}", most=MAX_VIEWS)


ROUTES = [views_page, menu, save_view, open_view, rename_view, delete_view]
