"""Adapters by their name in the YAML."""

from __future__ import annotations

from collections.abc import Callable

from adapters.base import Profile, TokenStore, Upstream
from adapters.bpjs.upstream import Bpjs
from adapters.dryrun import DryRun
from adapters.http_upstream import HttpUpstream
from adapters.satusehat.upstream import SatuSehat
from adapters.wire.contract import Wire

ADAPTERS: dict[str, Callable[[Profile, TokenStore, Wire], Upstream]] = {
    "bpjs": lambda profile, tokens, wire: Bpjs(profile, wire),
    "dryrun": lambda profile, tokens, wire: DryRun(),
    "http": lambda profile, tokens, wire: HttpUpstream(profile, wire),
    "satusehat": SatuSehat,
}
