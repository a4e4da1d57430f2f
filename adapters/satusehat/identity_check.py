"""The Ministry's identity check: asks for the address of the page on which a patient's identity is verified.

Request and answer are encrypted (see envelope); the answer with a key that is made for this one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.base import Account, Agent, Call, IdentityLink
from adapters.http_upstream import HttpExchange
from adapters.messages import message
from adapters.satusehat.envelope import EnvelopeError, new_key, public_pem, read_public_key, seal, unseal

SETTING = "identity_check"
MEDIA = "text/plain"

Ask = Callable[[Call, Account], Awaitable[HttpExchange]]


class IdentityPages:
    """Requests links. Settings: `path`, and `public_keys` by environment, in PEM."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        """Raises ValueError if path or keys are faulty."""
        self._path = str(settings.get("path", ""))
        if not self._path.startswith("/"):
            raise ValueError(f"upstream {name}: settings.{SETTING}.path must be a path that begins with a slash")
        self._keys: dict[str, rsa.RSAPublicKey] = {}
        for environment, pem in (settings.get("public_keys") or {}).items():
            try:
                self._keys[environment] = read_public_key(str(pem))
            except ValueError as error:
                raise ValueError(f"upstream {name}: settings.{SETTING}.public_keys.{environment}: {error}") from error

    async def link(self, ask: Ask, account: Account, agent: Agent, environment: str) -> IdentityLink:
        """Return the link, or why there is none. Nothing of the agent is in a log or in an address."""
        theirs = self._keys.get(environment)
        if theirs is None:
            return IdentityLink(problem=message("identity.no_key"))
        ours = await asyncio.to_thread(new_key)
        content = {"agent_name": agent.name, "agent_nik": agent.nik, "public_key": public_pem(ours)}
        body = seal(orjson.dumps(content), theirs)
        call = Call("POST", self._path, body=body, content_type=MEDIA, harmless_twice=True, base_path="")
        exchange = await ask(call, account)
        response = exchange.response
        if response is None or response.status != 200:
            return IdentityLink(problem=exchange.reply.message or message("answer.empty", status=_status(exchange)))
        return link_of(response.body, ours, account)


def _status(exchange: HttpExchange) -> int:
    return exchange.response.status if exchange.response is not None else 0


def link_of(body: bytes, ours: rsa.RSAPrivateKey, account: Account) -> IdentityLink:
    """Return the link of an answer, or why it has none."""
    try:
        answer = orjson.loads(unseal(body, ours))
    except EnvelopeError:
        answer = _plain(body)  # a refusal comes without encryption
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        return IdentityLink(problem=message("identity.unreadable"))
    data, metadata = answer.get("data"), answer.get("metadata")
    url = data.get("url") if isinstance(data, dict) else None
    if isinstance(url, str) and url.startswith(_schemes(account)):
        return IdentityLink(url=url)
    words = metadata.get("message") if isinstance(metadata, dict) else None
    refusal = message("identity.refused", words=str(words)) if words else message("identity.unreadable")
    return IdentityLink(problem=refusal)


def _plain(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _schemes(account: Account) -> tuple[str, ...]:
    """Return how a link may begin; without TLS only if the upstream itself is reached like that, as the sandbox is."""
    return ("https://", "http://") if account.base_url.startswith("http://") else ("https://",)
