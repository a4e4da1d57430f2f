"""Every word that the panel says of its own, from the message catalogues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

import orjson

LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}
"""Code -> how the language calls itself; the first is spoken if nothing else is wanted."""

_spoken: ContextVar[str] = ContextVar("spoken", default="id")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within it, everything is said in that language; in Indonesian if it is none of ours."""
    token = _spoken.set(language if language in LANGUAGES else "id")
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """The code of the language that is spoken now."""
    return _spoken.get()


def other_language() -> tuple[str, str]:
    """(code, own name) of the language to switch to."""
    return next((code, name) for code, name in LANGUAGES.items() if code != language())


@cache
def catalogue(language: str = "id") -> dict[str, str]:
    """The words of a language by key."""
    words: dict[str, str] = orjson.loads((files("admin") / "messages" / f"{language}.json").read_bytes())
    return words


def say(key: str, /, **values: object) -> str:
    """The words of a key; `{name}` in them is filled from the named arguments."""
    return catalogue(language())[key].format(**values)


def number(value: int) -> str:
    """With the separators of the language: 1.204 or 1,204"""
    text = f"{value:,}"
    return text if language() == "en" else text.replace(",", ".")


def duration(seconds: float) -> str:
    """Roughly how long: 45 dtk, 3 mnt, 2 jam, 5 hari."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return say(f"duration.{unit}", n=int(seconds // length))
    return say("duration.second", n=int(seconds))


GLOBALS = {
    "say": say,
    "number": number,
    "duration": duration,
    "language": language,
    "other_language": other_language,
}
"""What every template can call."""
