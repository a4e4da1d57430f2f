"""Counts the values of JSON text before it is decoded, because few bytes can decode to many objects."""

from __future__ import annotations

_STRUCTURE = b'",[{'
_OTHER_BYTES = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
BLOCK_BYTES = 64 * 1024


class ValueCounter:
    """Counts the values of JSON text that arrives in pieces.

    `values` is never less than the number of values that decoding makes: objects, arrays and their members. An empty
    array or object inside another counts twice. The count of text that is no JSON has no meaning.
    """

    def __init__(self) -> None:
        self.values = 1
        self._inside_string = False
        self._after_backslash = False

    def feed(self, piece: bytes | bytearray | memoryview) -> None:
        """Count the next piece; large pieces are best passed in blocks of BLOCK_BYTES."""
        text = bytes(piece)
        if self._after_backslash:
            text = text[1:]
        # An odd number of backslashes at the end escapes the first byte of the next piece.
        self._after_backslash = (len(text) - len(text.rstrip(b"\\"))) % 2 == 1
        bare = text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHER_BYTES)
        between_quotes = bare.split(b'"')
        self.values += sum(map(len, between_quotes[self._inside_string :: 2]))
        if len(between_quotes) % 2 == 0:
            self._inside_string = not self._inside_string


def count_values(text: bytes | bytearray) -> int:
    """Return the number of values in a text, as ValueCounter counts them."""
    counter, view = ValueCounter(), memoryview(text)
    for start in range(0, len(view), BLOCK_BYTES):
        counter.feed(view[start : start + BLOCK_BYTES])
    return counter.values
