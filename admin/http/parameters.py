"""Types of the parameters in addresses, bounded so that both databases can compare with them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from litestar import Request
from litestar.params import PathParameter, QueryParameter

from admin.http.api_errors import ApiError
from engine.queries.paging import CURSOR
from engine.source.faults import did_you_mean

MAX_INTEGER = 2**53  # far beyond any id or time, and within the 64 bits that a database compares
NO_NUL = r"^[^\x00]*$"  # PostgreSQL refuses to compare text with the character NUL

Id = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]
Number = Annotated[int | None, QueryParameter(ge=0, le=MAX_INTEGER)]
Text = Annotated[str, QueryParameter(max_length=200, pattern=NO_NUL)]
MaybeText = Annotated[str | None, QueryParameter(max_length=200, pattern=NO_NUL)]
Place = Annotated[str | None, QueryParameter(pattern=CURSOR)]  # a position in a list of deliveries
Ids = Annotated[str, QueryParameter(max_length=2000, pattern=r"^(\d{1,15}(,\d{1,15})*)?$")]  # separated by commas


async def refuse_unknown(request: Request[Any, Any, Any]) -> None:
    """Raise ApiError for a query parameter that the request's handler does not have: it would be ignored silently."""
    if request.query_params:
        handler = request.route_handler
        other = {*handler.resolve_dependencies(), *request.path_params, "data"}
        refuse_others(request, handler.parsed_fn_signature.parameters.keys() - other)


def refuse_others(request: Request[Any, Any, Any], known: Collection[str]) -> None:
    """Raise ApiError, with a suggestion, for a query parameter that is none of the known ones."""
    for name in request.query_params:
        if name not in known:
            hint = did_you_mean(name, known) or "; this address takes none"
            raise ApiError(400, "unknown_parameter", f"no parameter {name[:80]!r}{hint}", name[:80])
