"""Permissions that a role may have; their names are stored in the roles table."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """Action that a role may allow."""

    SATUSEHAT = "satusehat"  # open the pages under *Integrasi*
    BODIES = "bodies"  # read requests, answers and source records; identifiers stay masked
    REVEAL = "reveal"  # see identifiers unmasked, with a reason
    RESEND = "resend"  # send one delivery again, or set it aside
    EDIT = "edit"  # change what is sent
    BULK = "bulk"  # act on many deliveries at once
    MAP = "map"  # confirm and remove codes of the mappings
    SYNC = "sync"  # read code lists again
    IDENTIFY = "identify"  # open the upstream's page on which a patient's identity is verified
    SOURCES = "sources"  # set up, start and pause the reading of the clinic's own database
    MANAGE = "manage"  # users, roles, facilities, credentials, keys, audit
    RAW = "raw"  # see deliveries as they are stored, besides `satusehat`
