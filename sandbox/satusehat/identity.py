"""The identity check: makes links in an encrypted exchange, and shows the page that a link leads to.

A request is refused as the platform does it: HTTP 200, not encrypted, with a code in `metadata`.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import secrets
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.tokens import IssuedTokens

PREFIX = "/kyc"
GENERATE, PAGE = f"{PREFIX}/v1/generate-url", f"{PREFIX}/validation-web"
_MESSAGE = re.compile(rb"-----BEGIN ENCRYPTED MESSAGE-----(.*)-----END ENCRYPTED MESSAGE-----", re.DOTALL)
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class IdentityPages:
    """Links that were made, and who asked for each."""

    def __init__(self, tokens: IssuedTokens) -> None:
        self._tokens = tokens
        self.agents: dict[str, str] = {}  # token of a link -> name of the officer

    def reset(self) -> None:
        self.agents.clear()

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        if request.path == PAGE and request.method == "GET":
            return self._page(request)
        client = self._tokens.bearer(request)
        if isinstance(client, SandboxAnswer):
            return client
        if request.path != GENERATE:
            return SandboxAnswer(404)
        return SandboxAnswer(405) if request.method != "POST" else self._generate(request)

    def _generate(self, request: SandboxRequest) -> SandboxAnswer:
        match = _MESSAGE.search(request.body)
        if match is None:
            return _refusal("missing begin tag")
        try:
            agent = orjson.loads(_opened(base64.b64decode(b"".join(match[1].split()), validate=True)))
            key = serialization.load_pem_public_key(str(agent["public_key"]).encode())
        except (ValueError, binascii.Error, InvalidTag, KeyError, TypeError):
            return _refusal("Failed to decrypt message")
        if not isinstance(key, rsa.RSAPublicKey):
            return _refusal("Failed to decrypt message")
        if not re.fullmatch(r"[0-9]{16}", str(agent.get("agent_nik"))):
            return _refusal("agent_nik is not valid")
        token = secrets.token_urlsafe(24)
        self.agents[token] = str(agent.get("agent_name"))
        names = {name: agent.get(name) for name in ("agent_name", "agent_nik")}
        data = {**names, "token": token, "url": f"{request.base_url}{PAGE}?token={token}"}
        content = orjson.dumps({"metadata": {"code": "200", "message": "OK"}, "data": data})
        return SandboxAnswer(200, _sealed(content, key), "text/plain")

    def _page(self, request: SandboxRequest) -> SandboxAnswer:
        agent = self.agents.get(request.query.removeprefix("token="))
        words = "Tautan ini tidak berlaku." if agent is None else f"Petugas: {html.escape(agent)}"
        page = f'<!doctype html><html lang="id"><title>Verifikasi identitas (sandbox)</title><h1>{words}</h1></html>'
        return SandboxAnswer(404 if agent is None else 200, page.encode(), "text/html; charset=utf-8")


def _refusal(words: str) -> SandboxAnswer:
    content: dict[str, Any] = {"metadata": {"code": "400", "message": words}, "data": None}
    return json_answer(200, content)


@cache
def _key() -> rsa.RSAPrivateKey:
    stored = orjson.loads((files("sandbox") / "satusehat" / "identity_key.json").read_bytes())
    key = serialization.load_pem_private_key(stored["private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - the file is ours
    return key


def _opened(sealed: bytes) -> bytes:
    once, rest = _key().decrypt(sealed[:256], _OAEP), sealed[256:]
    return AESGCM(once).decrypt(rest[:12], rest[12:], None)


def _sealed(content: bytes, key: rsa.RSAPublicKey) -> bytes:
    once, nonce = AESGCM.generate_key(256), secrets.token_bytes(12)
    sealed = key.encrypt(once, _OAEP) + nonce + AESGCM(once).encrypt(nonce, content, None)
    text = base64.encodebytes(sealed)
    return b"-----BEGIN ENCRYPTED MESSAGE-----\n" + text + b"-----END ENCRYPTED MESSAGE-----"
