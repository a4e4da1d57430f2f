"""BpjsSettings of the simulated BPJS services, for behaviour that varies in the real ones or is not documented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class BpjsSettings:
    skew_seconds: float = 300.0  # tolerance of X-timestamp; the real one is not published
    plain: bool = False  # answers are not encrypted, as behind a proxy that decrypts them
    wrong_key: bool = False  # answers are encrypted for another request's timestamp
    strict_media: bool = False  # PCare accepts writes as text/plain only.
    visit_path: Literal["both", "v1", "plain"] = "both"  # path of `kunjungan` that the clinic was granted
    visit_answer: Literal["array", "object"] = "array"
    code_as_text: bool = False  # PCare's codes as text, as in some recorded answers.
    swapped_envelope: bool = False  # `metadata` where `metaData` is expected, and the other way round.
    # False: store every POST, so that the witness can see a client that sends twice.
    refuse_duplicates: bool = True
    # Largest number of rows in one answer of PCare, whatever the limit asked for; 0: no maximum. The real one is not
    # published.
    rows_at_most: int = 0
    null_rows: bool = False  # the day's registrations and a card's history begin with a row whose members are null
    # A queue entry without a card is accepted, as in BPJS's catalogue; at one clinic every such entry was refused.
    blank_card: bool = True
    strict_keys: bool = False  # a visit must have every key of the catalogue's example, null or not
    open_on_sundays: bool = False  # doctors have shifts on Sundays too
