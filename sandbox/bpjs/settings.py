"""The switches of the simulated BPJS services, where the real ones vary or the reference leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Settings:
    skew_seconds: float = 300.0
    """How far X-timestamp may be off (reference bpjs 1.4: not published)."""
    plain: bool = False
    """Answers are not encrypted, as behind a proxy that opens them."""
    wrong_key: bool = False
    """Answers are encrypted for another request's timestamp."""
    strict_media: bool = False
    """PCare takes writes as text/plain only (1.5)."""
    visit_path: Literal["both", "v1", "plain"] = "both"
    """Which path of `kunjungan` the clinic was granted (4.6)."""
    visit_answer: Literal["array", "object"] = "array"
    code_as_text: bool = False
    """PCare's codes as text, as in some recorded answers (3.1)."""
    swapped_envelope: bool = False
    """`metadata` where `metaData` is expected, and the other way round."""
    refuse_duplicates: bool = True
    """False: store every POST, so that the witness can see a client that sends twice."""
    rows_at_most: int = 0
    """PCare hands out no more rows at once, whatever is asked for; 0: as many as are asked for (4.1: not published)."""
    null_rows: bool = False
    """The day's registrations and a card's history begin with a row whose members are null."""
    blank_card: bool = True
    """A queue entry without a card is taken, as the catalogue has it; one clinic saw every one refused (5.4)."""
    strict_keys: bool = False
    """A visit must have every key of the catalogue's example, null or not: a JSON reader can tell."""
