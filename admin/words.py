"""Every word that the panel says of its own, from the message catalogue."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import orjson


@cache
def catalogue() -> dict[str, str]:
    """The words by key."""
    words: dict[str, str] = orjson.loads((files("admin") / "messages" / "id.json").read_bytes())
    return words


def say(key: str, /, **values: object) -> str:
    """The words of a key; `{name}` in them is filled from the named arguments."""
    return catalogue()[key].format(**values)


def number(value: int) -> str:
    """With Indonesian separators: 1.204"""
    return f"{value:,}".replace(",", ".")


def duration(seconds: float) -> str:
    """Roughly how long: 45 dtk, 3 mnt, 2 jam, 5 hari."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return say(f"duration.{unit}", n=int(seconds // length))
    return say("duration.second", n=int(seconds))
