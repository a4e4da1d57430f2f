"""The panel's own words in both languages, from the message catalogues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from adapters.messages import ALL, AT, read_message
from engine.specs.text import Text

LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}  # code -> the language's own name; the first is the default

_current: ContextVar[str] = ContextVar("language", default="id")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Set the language of everything that is said in the block; an unknown language becomes Indonesian."""
    token = _current.set(language if language in LANGUAGES else "id")
    try:
        yield
    finally:
        _current.reset(token)


def language() -> str:
    """Return the code of the current language."""
    return _current.get()


def other_language() -> tuple[str, str]:
    """Return (code, own name) of the language to switch to."""
    return next((code, name) for code, name in LANGUAGES.items() if code != language())


@cache
def catalogue(language: str = "id") -> dict[str, str]:
    """Return the messages of a language by key."""
    words: dict[str, str] = orjson.loads((files("admin") / "messages" / f"{language}.json").read_bytes())
    return words


def say(key: str, /, **values: object) -> str:
    """Return the message of a key; `{name}` in it is filled from the named arguments, a Text in the same language."""
    return catalogue(language())[key].format(**{name: in_language(value) for name, value in values.items()})


def localized(text: Text) -> str:
    """Return a text of the configuration in the current language."""
    return text.en if _current.get() == "en" else text.id


def in_language(value: Any) -> Any:
    """Return a Text in the current language, and any other value unchanged; templates print all values through this."""
    return localized(value) if type(value) is Text else value


def sentence(stored: str | None) -> str:
    """Say a stored message in the current language; other words, such as an upstream's own, stay as they are."""
    message = read_message(stored or "")
    template = message and catalogue(language()).get(f"stored.{message.key}")
    if message is None or template is None:
        return stored or ""
    separator = "; " if message.key == ALL else ", "
    values = {name: said(value, separator) for name, value in message.values.items()}
    return template.format_map(_Values(values)).strip()


def api_sentence(stored: str | None) -> str | None:
    """Say a stored message as the API does: in Indonesian, but in English what a check found before sending."""
    message = read_message(stored or "")
    with speaking("en" if message and message.key in (AT, ALL) else "id"):
        return stored and sentence(stored)


def english(stored: str) -> str:
    """Say a stored message in English, the language of the command line."""
    with speaking("en"):
        return sentence(stored)


class _Values(dict[str, str]):
    """The values of a message; one that is missing is an ellipsis, because an older Antar may have stored it."""

    def __missing__(self, name: str) -> str:
        return "…"


def said(value: Any, separator: str = ", ") -> str:
    """Say a value of a message: a number, a text or several, each of them plain, a message, or in both languages."""
    if isinstance(value, list):
        return separator.join(said(text, separator) for text in value)
    if isinstance(value, dict):
        return str(value[language()])
    return sentence(value) if isinstance(value, str) else str(value)


def number(value: int) -> str:
    """Write a number with the separators of the language: 1.204 or 1,204."""
    text = f"{value:,}"
    return text if language() == "en" else text.replace(",", ".")


def percent(share: float) -> str:
    """Write a percentage with one decimal as the language does; 100 only if nothing is missing."""
    return decimal(min(share, 99.9) if share < 100 else share)


def decimal(value: float) -> str:
    """Write a number with at most one decimal, behind the sign of the language: 0,4 or 0.4."""
    text = f"{value:.1f}".removesuffix(".0")
    return text if language() == "en" else text.replace(".", ",")


def duration(seconds: float) -> str:
    """Write a duration roughly: 45 dtk, 3 mnt, 2 jam, 5 hari."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return say(f"duration.{unit}", n=int(seconds // length))
    return say("duration.second", n=int(seconds))


GLOBALS = {  # functions that every template can call
    "say": say,
    "sentence": sentence,
    "number": number,
    "decimal": decimal,
    "duration": duration,
    "language": language,
    "other_language": other_language,
}


def equip(environment: Any) -> None:
    """Let the templates of a Jinja environment call the GLOBALS and print a Text in the current language."""
    environment.globals.update(GLOBALS)
    environment.finalize = in_language
