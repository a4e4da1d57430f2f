"""Clients that may ask for a token, and the types they may send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    """One registered client: one organization in one environment."""

    id: str
    secret: str
    organization_id: str
    # The resource types it is registered for; None: all. Others are refused with 20003.
    types: frozenset[str] | None = None
    # The kind of facility; types it may not send (access.json) are refused with 20004.
    access_class: str = "clinic"
    environment: str = "sandbox"  # a token of another environment is refused at the gateway


DEMO_CLIENT = Client("demo-client", "demo-secret", "100099001")
SECOND_DEMO_CLIENT = Client("demo-client-2", "demo-secret-2", "100099002")
