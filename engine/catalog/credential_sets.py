"""Credentials that a clinic enters: of the upstreams, of services that are called from outside, of its own database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.catalog.catalog import Catalog
from engine.facilities.particulars import entered
from engine.specs.text import Text


class CredentialSet(NamedTuple):
    """Credentials that a clinic enters for one system: the name they are stored under, and the label of each field."""

    name: str
    label: Text
    credentials: Mapping[str, Text]


def credential_sets(catalog: Catalog) -> list[CredentialSet]:
    """Return all upstreams, inbound services, webhooks and sources that ask for credentials of the clinic."""
    declared = [
        *(CredentialSet(spec.name, spec.label, entered(spec.credentials)) for spec in catalog.upstreams.values()),
        *(CredentialSet(spec.account, spec.label, spec.credentials) for spec in catalog.inbound.values()),
        *(CredentialSet(spec.account, spec.label, spec.credentials) for spec in catalog.webhooks.values()),
        *(CredentialSet(spec.account, spec.label, spec.credentials) for spec in catalog.sources.values()),
    ]
    return [access for access in declared if access.credentials]
