"""Content hashes: the same for the same content, whatever the order of its keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from engine.marks import Node


def content_hash(value: Any) -> str:
    """16 hex digits."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


def entry_hash(entry: Node, inherited: Mapping[str, Node]) -> str:
    """Of an entry and of those constants, filters and fragments that it names, and those that they name."""
    content: dict[str, Any] = {"entry": entry.plain()}
    words = _words(content)
    while found := {name for name in inherited if name in words and name not in content}:
        for name in sorted(found):
            content[name] = inherited[name].plain()
            words |= _words(content[name])
    return content_hash(content)


def _words(value: Any) -> set[str]:
    return set(re.findall(r"[\w-]+", orjson.dumps(value).decode()))
