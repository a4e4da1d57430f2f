"""The token endpoint, and the owner of each bearer token."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs
from uuid import uuid4

from sandbox.clock import Clock
from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.resources.clients import Client
from sandbox.satusehat.resources.outcomes import gateway_fault
from sandbox.satusehat.resources.settings import SatuSehatSettings

PAUSED = (
    "Authentication temporarily cannot be performed due to the rate limit policy. "
    "Rate limit: 1 request per minute after a failed attempt."
)


@dataclass(slots=True)
class IssuedToken:
    client: Client
    expires_at: float


class IssuedTokens:
    """Clients, the tokens issued to them, and the pause after a wrong secret."""

    def __init__(self, clients: Iterable[Client], clock: Clock, settings: SatuSehatSettings) -> None:
        self._first_clients = tuple(clients)
        self._clock = clock
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        self.clients = {client.id: client for client in self._first_clients}
        self._issued: dict[str, IssuedToken] = {}
        self._failed_at: dict[str, float] = {}

    def register(self, client: Client) -> None:
        self.clients[client.id] = client

    @property
    def issued(self) -> list[str]:
        """Return every token issued since the last reset; none of them may ever appear in a log."""
        return list(self._issued)

    def expire_all(self) -> None:
        """Expire every token issued so far."""
        for token in self._issued.values():
            token.expires_at = 0.0

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        """SandboxAnswer POST /oauth2/v1/accesstoken?grant_type=client_credentials."""
        if request.method != "POST" or request.path != "/oauth2/v1/accesstoken":
            return SandboxAnswer(404)
        form = parse_qs(request.body.decode(errors="replace"))
        client_id, secret = form.get("client_id", [""])[0], form.get("client_secret", [""])[0]
        if self._paused(client_id):
            return self._pause()
        client = self.clients.get(client_id)
        if client is None or not secrets.compare_digest(secret.encode(), client.secret.encode()):
            self._failed_at[client_id] = self._clock.now()
            return json_answer(401, {"ErrorCode": "invalid_client", "Error": "ClientId is Invalid"})
        if parse_qs(request.query).get("grant_type") != ["client_credentials"]:
            return json_answer(400, {"ErrorCode": "invalid_request", "Error": "grant_type is Invalid"})
        return json_answer(200, self._issue(client))

    def bearer(self, request: SandboxRequest) -> Client | SandboxAnswer:
        """Return the client of the request, or the gateway's refusal."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._issued.get(value) if scheme.lower() == "bearer" else None
        if token is None:
            return gateway_fault(401, "Invalid access token", "oauth.v2.InvalidAccessToken")
        if token.expires_at <= self._clock.now():
            code = "keymanagement.service.access_token_expired"
            return gateway_fault(401, "Access IssuedToken expired", code)
        if token.client.environment != "sandbox":
            code = "keymanagement.service.InvalidAPICallAsNoApiProductMatchFound"
            return gateway_fault(401, "Invalid API call as no apiproduct match found", code)
        return token.client

    def _paused(self, client_id: str) -> bool:
        failed = self._failed_at.get(client_id)
        return failed is not None and self._clock.now() < failed + self._settings.pause_seconds

    def _pause(self) -> SandboxAnswer:
        issue = {"severity": "invalid", "code": "value", "details": {"text": PAUSED}}
        body = {"resourceType": "OperationOutcome", "issue": [issue]}
        return json_answer(self._settings.pause_status, body)

    def _issue(self, client: Client) -> dict[str, object]:
        self._failed_at.pop(client.id, None)
        value, now, seconds = secrets.token_urlsafe(21), self._clock.now(), self._settings.token_seconds
        self._issued[value] = IssuedToken(client, now + seconds)
        return {
            "refresh_token_expires_in": "0",
            "api_product_list": f"[api-{client.environment}]",
            "api_product_list_json": [f"api-{client.environment}"],
            "organization_name": "ihs-prod-1",
            "developer.email": "dev@klinik-contoh.example",
            "token_type": "BearerToken",
            "issued_at": str(int(now * 1000)),
            "client_id": client.id,
            "access_token": value,
            "application_name": str(uuid4()),
            "scope": "",
            "expires_in": str(seconds) if self._settings.expires_in == "text" else seconds,
            "refresh_count": "0",
            "status": "approved",
        }
