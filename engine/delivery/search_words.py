"""Words of a text and of a search, in the form in which both are stored and compared."""

from __future__ import annotations

from engine.delivery.status import WORD_LENGTH

EDGE_SIGNS = ".,;:()'\""  # signs around a word that nobody types into a search
MAX_WORDS = 8  # of a search or of a text
AFTER_ALL_WORDS = "\U0010ffff"  # sorts after any character that may follow the beginning of a word


def words_of(phrase: str) -> list[str]:
    """Return the words of a text or a search in the form in which they are compared."""
    words = (word.strip(EDGE_SIGNS)[:WORD_LENGTH] for word in phrase.casefold().split())
    return [word for word in words if word][:MAX_WORDS]
