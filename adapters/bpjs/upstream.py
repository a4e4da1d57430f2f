"""PCare and Antrean FKTP: signed requests, and answers that may be encrypted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import orjson
from msgspec.structs import replace

from adapters.base import Account, Reply, Verdict
from adapters.bpjs.cipher import decrypt
from adapters.bpjs.signature import LOGIN_HEADER, SECRET_HEADERS, headers, timestamp_of
from adapters.http_upstream import HttpUpstream, NoCredential
from adapters.messages import message
from adapters.wire.contract import HeaderBlock, Response

REQUIRED = ("cons_id", "secret_key", "user_key")
LOGIN = ("username", "password")
# Larger answers are decrypted in a thread: a list of all diagnoses takes half a second.
THREAD_BYTES = 32 * 1024


class Bpjs(HttpUpstream):
    """Signs each request. Credentials: cons_id, secret_key, user_key.

    With `settings.application` (PCare's kdAplikasi) a login is sent, too: username and password.
    """

    def secret_headers(self) -> Sequence[str]:
        return (*SECRET_HEADERS, LOGIN_HEADER) if self.profile.settings.get("application") else SECRET_HEADERS

    async def authorize(self, account: Account) -> HeaderBlock:
        application = str(self.profile.settings.get("application", ""))
        missing = [name for name in REQUIRED + (LOGIN if application else ()) if not account.credentials.get(name)]
        if missing:
            raise NoCredential(_refusal(message("credentials.missing", names=", ".join(missing))))
        try:
            return headers(account.credentials, int(self._wall()), application)
        except httpx.LocalProtocolError as error:
            raise NoCredential(_refusal(message("credentials.characters"))) from error

    async def renew(self, account: Account, refused: HeaderBlock) -> HeaderBlock:
        """Sign again, with the present timestamp: BPJS refuses an old one."""
        return await self.authorize(account)

    async def unwrap(self, response: Response, account: Account, headers: HeaderBlock) -> Response:
        """Return the envelope with its `response` decrypted; unchanged if that is no encrypted text."""
        if b'"response"' not in response.body or response.cut:
            return response
        if len(response.body) < THREAD_BYTES:
            return _opened(response, account, timestamp_of(headers))
        return await asyncio.to_thread(_opened, response, account, timestamp_of(headers))


def _refusal(words: str) -> Reply:
    return Reply(Verdict.UNAUTHORIZED, message=words, sent=False)


def _opened(response: Response, account: Account, timestamp: str) -> Response:
    try:
        envelope: Any = orjson.loads(response.body)
        wrapped = envelope["response"]
        if not isinstance(wrapped, str) or not wrapped:
            return response
        text = decrypt(wrapped, account.credentials["cons_id"], account.credentials["secret_key"], timestamp)
        return replace(response, body=orjson.dumps({**envelope, "response": orjson.loads(text)}))
    except (ValueError, TypeError, KeyError):  # a plain message, or an answer of another server
        return response
