"""Headers of an answer that are kept with the attempt: those by which its sender finds the request again."""

from __future__ import annotations

from collections.abc import Mapping

# Nothing else is kept: cookies, tokens and whatever a gateway adds stay out.
KEPT = frozenset(
    {
        b"date",
        b"server",
        b"location",
        b"etag",
        b"retry-after",
        b"x-request-id",
        b"x-correlation-id",
        b"x-trace-id",
        b"x-b3-traceid",
        b"traceparent",
        b"x-cloud-trace-context",
        b"x-amzn-requestid",
        b"x-amzn-trace-id",
        b"x-kong-request-id",
        b"cf-ray",
    }
)
MAX_VALUE_CHARACTERS = 200


def kept_headers(headers: Mapping[bytes, bytes], media: str) -> str:
    """Return the headers that are kept, one a line with names in lower case.

    Of a JSON answer neither the content type is kept nor the location, which repeats the id in the body.
    """
    is_json = media.endswith("json")
    lines = [
        _line(name, value) for name, value in headers.items() if name in KEPT and not (is_json and name == b"location")
    ]
    if media and not is_json:
        lines.append(f"content-type: {media[:MAX_VALUE_CHARACTERS]}")
    return "\n".join(lines)


def _line(name: bytes, value: bytes) -> str:
    if name == b"location":
        value = value.partition(b"?")[0]  # a query may carry a token
    text = value[:MAX_VALUE_CHARACTERS].decode("latin-1")
    return f"{name.decode()}: {text if text.isprintable() else ''.join(filter(str.isprintable, text))}"
