"""Judges an answer: by the declared rules first, then by its HTTP status."""

from __future__ import annotations

import html
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from adapters.base import CUT_KEPT_BYTES, Call, Profile, Reply, Verdict
from adapters.kept_headers import kept_headers
from adapters.messages import message
from adapters.outcome_rules import Answer, OutcomeRule, concerning, first_match
from adapters.wire.contract import Response

LONGEST_WAIT_SECONDS = 3600.0  # a longer Retry-After is taken for a mistake of the upstream

MAX_MESSAGE_CHARACTERS = 2000
MAX_EXCERPT_CHARACTERS = 300

_TRY_LATER = {408, 425, 429, 503}
_LEFT_OUT = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")  # PostgreSQL stores no NUL, and a message has no line breaks


class Judge:
    """Judges the answers of one upstream."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._concerning: dict[tuple[str, int], tuple[OutcomeRule, ...]] = {}

    def judge(self, call: Call, response: Response, now: float, seconds: float) -> tuple[Reply, OutcomeRule | None]:
        """Return the reply and the rule that decided. `now` is in epoch seconds; the exchange took `seconds`."""
        code_path = self._profile.code
        content = None if response.cut else _parse(response.body)
        media = response.header(b"content-type").partition(";")[0].strip().lower()
        code = code_path.read(content) if code_path and content is not None else None
        rule = None if response.cut else self._matching_rule(call, response, media, content, code)
        verdict = Verdict(rule.verdict) if rule else _by_status(call, response, content)
        repeatable = verdict is Verdict.UNSURE and call.repeatable
        verdict = Verdict.UNAVAILABLE if repeatable else verdict
        silent = rule is None and verdict is Verdict.ACCEPTED
        reply = Reply(
            verdict=verdict,
            status=response.status,
            code=code and _CONTROL.sub(" ", code),
            message="" if silent else _message(self._profile, call, response, content),
            place=None if verdict is Verdict.ACCEPTED else _place(self._profile, content),
            body=response.body[:CUT_KEPT_BYTES] if response.cut else response.body,
            content=content,
            media=media,
            retry_after=retry_after(response, now) if b"retry-after" in response.headers else None,
            seconds=seconds,
            may_have_arrived=repeatable,
            look=rule is not None and rule.look,
            pauses_path=rule is not None and rule.pauses_path,
            foreign=rule is not None and rule.foreign,
            headers=kept_headers(response.headers, media),
        )
        return reply, rule

    def _matching_rule(
        self, call: Call, response: Response, media: str, content: Any, code: str | None
    ) -> OutcomeRule | None:
        occasion = (call.method, response.status)
        rules = self._concerning.get(occasion)
        if rules is None:
            rules = self._concerning[occasion] = concerning(self._profile.outcomes, *occasion)
        own = concerning(call.outcomes, *occasion) if call.outcomes else ()
        text = response.body.decode("utf-8", "replace")
        answer = Answer(media, text, content, code, call.repeated)
        return first_match((*own, *rules), answer)


def retry_after(response: Response, now: float) -> float | None:
    """Return the seconds of Retry-After, 0 to LONGEST_WAIT_SECONDS; None if it is absent or unreadable.

    RFC 9110, 10.2.3: the header is a number of seconds or a date.
    """
    text = response.header(b"retry-after").strip()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        return min(max(float(text), 0.0), LONGEST_WAIT_SECONDS)
    moment = parse_date(text)
    if moment is None:
        return None
    theirs = parse_date(response.header(b"date"))  # their clock may differ from ours
    return min(max(moment - (theirs if theirs is not None else now), 0.0), LONGEST_WAIT_SECONDS)


def parse_date(text: str) -> float | None:
    """Return an HTTP date as epoch seconds, None if it is no date."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def excerpt(text: str) -> str:
    """Return plain text without tags, on one line, at most MAX_EXCERPT_CHARACTERS."""
    plain = html.unescape(_LEFT_OUT.sub(" ", text[:4096]))  # bounded: the pattern looks ahead from each "<"
    plain = " ".join(_CONTROL.sub(" ", plain).split())
    return plain if len(plain) <= MAX_EXCERPT_CHARACTERS else plain[: MAX_EXCERPT_CHARACTERS - 1] + "…"


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _by_status(call: Call, response: Response, content: Any) -> Verdict:
    """Judge by the HTTP status, if no rule matches; a body that was cut proves nothing."""
    status = response.status
    if response.cut:
        return Verdict.UNSURE
    if 200 <= status < 300:
        is_complete = isinstance(content, dict | list) or (status == HTTPStatus.NO_CONTENT and call.method != "POST")
        return Verdict.ACCEPTED if is_complete else Verdict.UNSURE
    if status in _TRY_LATER or 300 <= status < 400:  # redirects are not followed: a proxy or portal sent it
        return Verdict.UNAVAILABLE
    return Verdict.REJECTED if 400 <= status < 500 else Verdict.UNSURE


def _message(profile: Profile, call: Call, response: Response, content: Any) -> str:
    if response.cut:
        return message("answer.too_long", mebibytes=call.answer_limit // 1024**2, status=response.status)
    words = profile.message.read(content) if profile.message and content is not None else None
    if words:
        return _CONTROL.sub(" ", words)[:MAX_MESSAGE_CHARACTERS]
    return excerpt(response.body[:8192].decode("utf-8", "replace")) or _status_line(response.status)


def _place(profile: Profile, content: Any) -> str | None:
    place = profile.place.read(content) if profile.place and content is not None else None
    return _CONTROL.sub(" ", place)[:MAX_MESSAGE_CHARACTERS] if place else None


def _status_line(status: int) -> str:
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return message("answer.empty", status=f"{status} {phrase}".strip())
