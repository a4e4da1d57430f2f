"""Masks bodies for people outside the clinic: every text goes but what is surely a code, an id, an address or a time.

Bodies are rebuilt from an allow-list of names and forms; nothing is searched for. In an upstream's own words all texts
that were taken out of the request are taken out too, and so is what stands in quotes, unless the request had it as a
code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import orjson

from engine.identifiers import BULLET, masked

MASK = BULLET * 3
MAX_NUMBER = 10_000_000  # a larger number may be that of a person
MAX_LEVELS = 100
MAX_BODY_BYTES = 256 * 1024
MAX_TEXT_CHARACTERS = 4_000
MAX_NAME_DIGITS = 2  # of the name of a service in a path
MIN_WORD_CHARACTERS = 3  # of a masked text that is looked for in an upstream's words

_KEY = re.compile(r"[A-Za-z_$@][A-Za-z0-9_.$-]{0,60}")
_PERSONAL = re.compile(
    r"lahir|birth|deceased|nama|name|given|family|nik|kartu|phone|telp|telepon|\bhp|nohp|email|alamat|address|mrn|norm|"
    r"ibu|mother|photo|text|display|note|catatan|keluhan|div\b|kota|city|postal|village|district",
    re.IGNORECASE,
)
_CODED = re.compile(
    r"resourceType|id|op|path|status|code|system|url|fullUrl|use|intent|priority|unit|comparator|version|versionId|"
    r"reference|type|class|severity|criticality|method|mode|expression|location|etag|errorcode|ErrorCode|success|"
    r"value(?:Code|Uri|Canonical|Boolean)|kd[A-Z]\w*|kode\w*|jenis\w*|metaData|start|end|issued|authoredOn|recorded\w*|"
    r"lastUpdated|timestamp|\w*(?:Date|DateTime|Instant|Time)|tgl\w*|tanggal\w*|jam\w*|waktu\w*|date",
    re.ASCII,
)
_TIME = re.compile(
    r"\d{2,4}-\d\d(?:-\d{2,4})?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?|\d\d?[:.]\d\d", re.ASCII
)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+/%\[\]{}()^*-]{0,79}", re.ASCII)
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~-]*)*", re.ASCII)
_QUOTED = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"|‘([^’\n]{1,200})’|“([^”\n]{1,200})”")
_OWN_WORDS = {"diagnostics", "message", "faultstring", "details", "Error", "error_description", "text"}
_UPSTREAM_ID = re.compile(r"[A-Z]\d{11}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_DIGITS = re.compile(r"\d{6,}", re.ASCII)


class OutsideMask:
    """Masks the bodies of one delivery; `record` is its record, `known` are identifiers that no pattern recognises."""

    def __init__(self, record: Any, known: tuple[str, ...] = ()) -> None:
        self._known = known
        self._personal: set[str] = set()
        self._codes: set[str] = set()
        self._found: re.Pattern[str] | None = None  # of the masked texts; None: not compiled yet
        self._learn(record)

    def body(self, body: bytes, *, is_answer: bool) -> Any:
        """Return a body as JSON without personal data; a body that is no JSON as text, cut. A large one is left out."""
        if len(body) > MAX_BODY_BYTES:
            return f"{MASK} ({len(body)} bytes)"
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            return self.words(body[:MAX_TEXT_CHARACTERS].decode("utf-8", "replace")) if is_answer else MASK
        if not is_answer:
            self._learn(content)
        return self._masked(content, "", MAX_LEVELS, is_answer=is_answer)

    def words(self, text: str) -> str:
        """Return a sentence of an upstream without personal data."""
        text = _QUOTED.sub(self._quoted, text[:MAX_TEXT_CHARACTERS])
        if self._personal:
            if self._found is None:
                words = "|".join(map(re.escape, sorted(self._personal, key=len, reverse=True)))
                self._found = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
            text = self._found.sub(MASK, text)
        return _DIGITS.sub(MASK, masked(text, self._known))

    def path(self, path: str) -> str:
        """Return path and query of a request: the query's values go, and each part of the path that is no code."""
        place, _, query = path.partition("?")
        parts = [part if not part or self._is_place(part) else MASK for part in place.split("/")]
        names = [pair.partition("=")[0] for pair in query.split("&") if pair]
        asked = "&".join(f"{name if _KEY.fullmatch(name) else MASK}={MASK}" for name in names)
        return "/".join(parts) + (f"?{asked}" if asked else "")

    def _learn(self, value: Any, key: str = "") -> None:
        """Remember the texts that are masked, to find them in an upstream's words, and those that are kept."""
        self._found = None
        stack = [(value, key)]
        while stack:
            value, key = stack.pop()
            if isinstance(value, dict):
                stack += [(inner, str(name)) for name, inner in value.items()]
            elif isinstance(value, list):
                stack += [(inner, key) for inner in value]
            elif isinstance(value, str):
                if self._is_kept(key, value):
                    self._codes.add(value)
                else:
                    self._personal |= {word for word in _words(value) if len(word) >= MIN_WORD_CHARACTERS}

    def _masked(self, value: Any, key: str, levels: int, *, is_answer: bool) -> Any:
        if not levels:
            return MASK
        if isinstance(value, dict):
            return {
                name if _KEY.fullmatch(name) else MASK: self._masked(inner, name, levels - 1, is_answer=is_answer)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._masked(inner, key, levels - 1, is_answer=is_answer) for inner in value]
        if isinstance(value, str):
            if self._is_kept(key, value):
                return value
            return self.words(value) if is_answer and key in _OWN_WORDS else MASK
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value if abs(value) < MAX_NUMBER and not _PERSONAL.search(key) else MASK
        return value

    def _is_kept(self, key: str, text: str) -> bool:
        if _PERSONAL.search(key) or not _CODED.fullmatch(key):
            return False
        return (
            bool(_TIME.fullmatch(text))
            or self._is_code(text)
            or bool(_ADDRESS.fullmatch(text) and self._is_plain(text))
        )

    def _is_code(self, text: str) -> bool:
        return bool(_CODE.fullmatch(text)) and self._is_plain(text)

    def _is_place(self, part: str) -> bool:
        """Return whether a part of a path is the name of a service, or an id of the upstream."""
        is_name = len(re.findall(r"\d", part)) <= MAX_NAME_DIGITS
        return self._is_code(part) and (is_name or bool(_UPSTREAM_ID.fullmatch(part)))

    def _is_plain(self, text: str) -> bool:
        """Return whether a text holds no identifier of a person."""
        return masked(text, self._known) == text and not any(word in self._known for word in _words(text))

    def _quoted(self, match: re.Match[str]) -> str:
        inner = next(group for group in match.groups() if group is not None)
        return match[0] if inner in self._codes else f"{match[0][0]}{MASK}{match[0][-1]}"


def _words(text: str) -> Iterable[str]:
    """Return a text, and its words: an answer may name a part of it."""
    return [text.strip(), *re.findall(r"\w+", text)]
