"""Checks of a record that no schema can express: conditions under which it is refused, or taken with a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from adapters.base import Problem
from adapters.messages import at
from engine.specs.record_type import Check, Spec
from engine.specs.text import Text


def with_tomorrow(scope: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """Return the scope with `tomorrow`, the time a day from now: what is later happened in no time zone yet."""
    return {**scope, "tomorrow": _day_after(now_ms // 1000)}


@lru_cache(maxsize=1)  # all records of a second share it
def _day_after(second: int) -> str:
    return (datetime.fromtimestamp(second, UTC) + timedelta(days=1)).isoformat()


def refusals(spec: Spec, scope: Mapping[str, Any]) -> list[Problem]:
    """Return why a record that satisfies the schema is refused; raises TemplateError."""
    return [Problem(path, text.en, both=text) for path, text in failed(spec, scope, refuse=True)]


def warnings(spec: Spec, scope: Mapping[str, Any]) -> list[str]:
    """Return the warnings about a record, as messages for people; raises TemplateError."""
    return [at(path, text) for path, text in failed(spec, scope, refuse=False)]


def failed(spec: Spec, scope: Mapping[str, Any], *, refuse: bool) -> Iterator[tuple[str, Text]]:
    """Yield the JSON path and the text of each check whose condition holds; without a clock nothing is too late."""
    scope = {"tomorrow": None, **scope}
    for check in spec.checks:
        if check.refuse == refuse:
            for seen in _scopes(check, scope):
                if check.when.render(seen):
                    yield f"$.{check.at.render(seen)}", Text(*(str(text.render(seen)) for text in (check.id, check.en)))


def _scopes(check: Check, scope: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if check.each is None:
        yield scope
    else:
        for index, item in enumerate(check.each.render(scope) or ()):
            yield {**scope, "item": item, "index": index}
