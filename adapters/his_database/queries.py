"""Queries as the configuration declares them: their parameters, and whether they only read."""

from __future__ import annotations

import re

from sqlalchemy import text

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_BEGINS = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)


def query_problem(query: str) -> str:
    """Return why a query must not be run; empty if it is one statement that reads."""
    bare = _QUOTED.sub(" ", query)
    if not _BEGINS.match(bare):
        return "does not begin with SELECT or WITH; a source only reads"
    return "is more than one statement; remove the ;" if ";" in bare else ""


def parameters_of(query: str) -> set[str]:
    """Return the names of the parameters (`:since`) of a query."""
    return set(text(query).compile().params)
