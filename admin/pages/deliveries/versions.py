"""Menu of a list with the versions of the type's entry, each a filter with its number among the newest deliveries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, get
from litestar.response import Template

from admin.http.access import Right
from admin.pages.shared.filters import SHOWN_OF_HASH, ListFilters
from admin.pages.shared.formatting import moment
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType
from engine.queries.entry_versions import MAX_LOOKED_THROUGH, entry_versions


@dataclass(frozen=True, slots=True)
class VersionChoice:
    """A version of the entry: the beginning of its hash, its number, when it was used last, and its filter."""

    hash: str
    n: int
    used: Any
    address: str
    is_present: bool
    is_chosen: bool


@get("/integrasi/{upstream:str}/{spec:str}/versi", opt={"right": Right.PANEL, "live": True}, dependencies=OPENED_TYPE)
async def versions(request: Request[Any, Any, Any], opened_type: OpenedType) -> Template:
    """Return the content of the menu, which is asked for when a person opens it."""
    facility, entry = opened_type.facility(), opened_type.entry
    chosen = ListFilters.read(request.query_params, entry)
    choices = [
        VersionChoice(
            row.hash[:SHOWN_OF_HASH],
            row.n,
            moment(row.at, facility),
            replace(chosen, version=row.hash).address(),
            row.hash == entry.hash,
            row.hash == chosen.version,
        )
        for row in await entry_versions(opened_type.hub.database, facility.id, entry.name)
    ]
    return Template("deliveries/versions.html", context={"choices": choices, "most": MAX_LOOKED_THROUGH})
