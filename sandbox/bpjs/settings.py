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
