"""Builds the objects of a process, once per event loop, from settings and catalog; tests pass their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dramatiq
import structlog

from adapters.base import Profile, TokenStore, Upstream
from adapters.registry import ADAPTERS
from adapters.wire.contract import Wire
from adapters.wire.open import open_wire
from engine.actors import Bell, Ring, declare, make_broker
from engine.catalog.catalog import Catalog, load
from engine.code_lists.sync import Synchroniser
from engine.database.database import Database, FollowUp, wall_clock
from engine.database.migrate import migrate
from engine.facilities.cache import FacilityCache
from engine.facilities.credentials import Accounts
from engine.facilities.tokens import DatabaseTokens
from engine.facilities.vault import Vault
from engine.intake.intake import Intake
from engine.intake.refusals import Refusals
from engine.mapping.code_search import CodeSearch
from engine.mapping.review import after_copy
from engine.settings import Settings

log = structlog.get_logger(__name__)

Adapters = Mapping[str, Callable[[Profile, TokenStore, Wire], Upstream]]


class Hub:
    """The catalog in force and all objects that live as long as the process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        catalog: Catalog,
        broker: dramatiq.Broker,
        ring: Ring,
        adapters: Adapters = ADAPTERS,
    ) -> None:
        self.settings = settings
        self.database = database
        self.catalog = catalog
        self.broker = broker
        self._ring = ring
        self._adapters = adapters
        self.vault = Vault(settings.secret_keys)
        self.tokens = DatabaseTokens(database, self.vault)
        self.facilities = FacilityCache(database)
        self.accounts = Accounts(database, self.vault, settings.addresses, self.facilities)
        self.bell = Bell(declare(broker, catalog.specs.values(), ring))
        self.intake = Intake(database, lambda: self.catalog, self.bell)
        self.refusals = Refusals(database)
        self._wire = open_wire()
        self.synchroniser = Synchroniser(
            database, lambda: self.catalog, self.accounts, self.facilities, self.upstream, self._after_copy
        )
        self.code_searches = CodeSearch(database, self.synchroniser)
        self._upstreams: dict[str, tuple[str, Upstream]] = {}

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        durable: bool = True,
        broker: dramatiq.Broker | None = None,
        ring: Ring = lambda channel: None,
        clock: Callable[[], int] = wall_clock,
        adapters: Adapters = ADAPTERS,
        catalog: Catalog | None = None,
    ) -> Hub:
        """Load the catalog, migrate the database and bind it to the environment. Raises AntarError, ConfigFaults.

        `catalog` is one that another hub of the process has loaded already.
        """
        catalog = catalog or load(settings.config_dir, adapters)
        database = Database(settings.database_url, durable=durable, clock=clock)
        await migrate(database, settings.environment)
        await database.synchronise()
        return cls(settings, database, catalog, broker or make_broker(settings.broker_url), ring, adapters)

    def _after_copy(self, code_list: str, owner: int) -> list[FollowUp]:
        return after_copy(self.catalog.mappings.values(), code_list, owner)

    def upstream(self, name: str) -> Upstream:
        """Return the adapter of an upstream; a new one if its configuration has changed."""
        spec = self.catalog.upstreams[name]
        profile, adapter = self._upstreams.get(name, ("", None))
        if adapter is None or profile != repr(spec.profile):
            adapter = self._adapters[spec.adapter](spec.profile, self.tokens, self._wire)
            self._upstreams[name] = repr(spec.profile), adapter
        return adapter

    def reload(self) -> Catalog:
        """Read the configuration and put it in force; raises ConfigFaults, and then the old one stays in force."""
        return self.take_over(self.read())

    def read(self) -> Catalog:
        """Load the configuration from its files; may run in any thread. Raises ConfigFaults."""
        return load(self.settings.config_dir, self._adapters)

    def take_over(self, catalog: Catalog) -> Catalog:
        """Put a configuration in force."""
        self.bell.actors.update(declare(self.broker, catalog.specs.values(), self._ring))
        self.catalog = catalog
        log.info("catalog_loaded", specs=len(catalog.specs), hash=catalog.hash)
        return catalog

    async def close(self) -> None:
        await self.bell.close()
        for _, upstream in self._upstreams.values():
            await upstream.close()
        await self._wire.close()
        await self.database.close()
