"""The whole sandbox: clock, witness, faults, barriers and the sites that use them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from sandbox.areas.site import Areas
from sandbox.barriers import Barriers
from sandbox.bpjs.site import BpjsSite
from sandbox.clinic.site import SandboxClinic
from sandbox.clock import Clock
from sandbox.faults import ActiveFaults
from sandbox.kfa.site import Kfa
from sandbox.satusehat.resources.clients import DEMO_CLIENT, Client
from sandbox.satusehat.resources.settings import SatuSehatSettings
from sandbox.satusehat.site import SatuSehatSite
from sandbox.site import Site
from sandbox.witness import Witness


class World:
    """All state of one running sandbox. `now` gives epoch seconds."""

    def __init__(
        self,
        clients: Iterable[Client] = (DEMO_CLIENT,),
        *,
        strict: bool = False,
        latency: float = 0.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.clock = Clock(now)
        self.witness = Witness()
        self.faults = ActiveFaults()
        self.barriers = Barriers()
        self.latency = latency
        self.satusehat = SatuSehatSite(
            self.clock, self.witness, clients, SatuSehatSettings(strict=strict), self._has_drug
        )
        self.bpjs = BpjsSite(self.clock, self.witness)
        self.kfa = Kfa(self.clock, self.satusehat.tokens)
        self.areas = Areas(self.satusehat.tokens)
        self.clinic = SandboxClinic()
        self.sites: tuple[Site, ...] = (self.satusehat, self.bpjs, self.kfa, self.areas, self.clinic)

    def _has_drug(self, code: str) -> bool:
        return self.kfa.products.has_code(code)

    def reset(self) -> None:
        """Return to the initial state. Requests that wait at a barrier are released into it."""
        self.faults.clear()
        self.clock.reset()
        for site in self.sites:
            site.reset()
        self.witness.reset()
        self.barriers.release_all()
