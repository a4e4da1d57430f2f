"""Types of the parameters in addresses, bounded so that both databases can compare with them."""

from __future__ import annotations

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from engine.queries.paging import CURSOR

MAX_INTEGER = 2**53  # far beyond any id or time, and within the 64 bits that a database compares
NO_NUL = r"^[^\x00]*$"  # PostgreSQL refuses to compare text with the character NUL

Id = Annotated[int, PathParameter(ge=1, le=MAX_INTEGER)]
Number = Annotated[int | None, QueryParameter(ge=0, le=MAX_INTEGER)]
Text = Annotated[str, QueryParameter(max_length=200, pattern=NO_NUL)]
MaybeText = Annotated[str | None, QueryParameter(max_length=200, pattern=NO_NUL)]
Place = Annotated[str | None, QueryParameter(pattern=CURSOR)]  # a position in a list of deliveries
Ids = Annotated[str, QueryParameter(max_length=2000, pattern=r"^(\d{1,15}(,\d{1,15})*)?$")]  # separated by commas
