"""What a role may allow (ui 6); the names stand in the roles table."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One thing that people of a role may do; `satusehat` opens the pages under *Integrasi* at all."""

    SATUSEHAT = "satusehat"
    BODIES = "bodies"
    """Read requests, answers and source records; identifiers stay masked."""
    REVEAL = "reveal"
    """See identifiers unmasked, with a reason."""
    RESEND = "resend"
    """Send one delivery again, or set it aside."""
    EDIT = "edit"
    """Change what is sent."""
    BULK = "bulk"
    """Act on many deliveries at once."""
    MAP = "map"
    SYNC = "sync"
    MANAGE = "manage"
    """Users, roles, facilities, credentials, keys, audit."""
