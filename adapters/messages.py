"""Messages for people as storable texts: a key with its values, which admin/text says in a language of the reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import orjson

MAX_VALUE_CHARACTERS = 2000  # of one value; a longer one is cut before it is stored

AT = "at"  # key of a text about one place of the content: values `path` and `words`
ALL = "all"  # key of several texts: value `texts`
WORDS = "words"  # name of the value that holds an upstream's own words, or another message


@runtime_checkable
class Bilingual(Protocol):
    """A text that is declared in both languages, such as a label of the configuration."""

    @property
    def id(self) -> str: ...

    @property
    def en(self) -> str: ...


Value = str | int | Bilingual | Sequence[str | Bilingual]


class Message(NamedTuple):
    """A key of the message catalogue, without its prefix `stored.`, and the values of its placeholders."""

    key: str
    values: dict[str, Any]


def message(key: str, /, **values: Value) -> str:
    """Return the text of a message as it is stored; a text among the values may itself be a message."""
    # A NUL or half of a surrogate pair comes in the texts of errors; no database stores them.
    return orjson.dumps({"say": key, **{name: _storable(value) for name, value in values.items()}}).decode()


def at(path: str | Bilingual, words: str | Bilingual) -> str:
    """Return a text about one place of the content; `words` is a message or plain."""
    return message("at", path=path, words=words)


def together(texts: Sequence[str]) -> str:
    """Return one text for several; a single one stays as it is."""
    return texts[0] if len(texts) == 1 else message("all", texts=texts)


def read_message(text: str) -> Message | None:
    """Return the message of a stored text; None for plain words, such as an upstream's own or those of older rows."""
    if not text.startswith('{"say":'):
        return None
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    key = values.pop("say")
    return Message(key, values) if isinstance(key, str) and all(map(_is_value, values.values())) else None


def shortened(text: str, characters: int) -> str:
    """Cut plain words to a length; a message stays whole, because its values have been cut."""
    return text if read_message(text) else text[:characters]


def _is_value(value: object) -> bool:
    return isinstance(value, int) or all(map(_is_text, value if isinstance(value, list) else [value]))


def _is_text(value: object) -> bool:
    """Return whether it is a text, or one in both languages: {"id": ..., "en": ...}."""
    if isinstance(value, dict):
        return value.keys() == {"id", "en"} and all(isinstance(text, str) for text in value.values())
    return isinstance(value, str)


def _storable(value: Value) -> Any:
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        plain = value.replace("\x00", "").encode("utf-8", "replace").decode()
        return shortened(plain, MAX_VALUE_CHARACTERS)
    if isinstance(value, Bilingual):
        return {"id": _storable(value.id), "en": _storable(value.en)}
    return [_storable(text) for text in value]
