"""The clients that may ask for a token: who they are and what they may send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client: one organization in one environment (reference 1.1)."""

    id: str
    secret: str
    organization_id: str
    types: frozenset[str] | None = None
    """The resource types it is registered for; None: all. Others are refused with 20003."""
    access_class: str = "clinic"
    """The kind of facility; what it may not send (access.json) is refused with 20004."""
    environment: str = "sandbox"
    """A token of another environment is refused at the gateway."""


DEMO_CLIENT = Client("demo-client", "demo-secret", "100099001")
