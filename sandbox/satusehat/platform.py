"""SatuSehat's parts put together: the answers, and the actions available from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sandbox.clock import Clock
from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.population import SyntheticPerson, people
from sandbox.satusehat import consent, identity
from sandbox.satusehat.fhir import PREFIX, Fhir, parts
from sandbox.satusehat.patients import Patients
from sandbox.satusehat.resources.clients import DEMO_CLIENT, Client
from sandbox.satusehat.resources.settings import SatuSehatSettings
from sandbox.satusehat.resources.store import Resource, Store
from sandbox.satusehat.seed import person_resource, seed_facility, seed_people
from sandbox.satusehat.tokens import IssuedTokens
from sandbox.satusehat.validation.validator import ResourceValidator
from sandbox.satusehat.writes import Writes
from sandbox.witness import Witness


class Platform:
    """The ministry's platform: tokens, resources below /fhir-r4/v1, consents below /consent/v1, the identity check."""

    name = "satusehat"
    prefixes: tuple[str, ...] = ("/oauth2/v1", PREFIX, consent.PREFIX, identity.PREFIX)

    def __init__(
        self,
        clock: Clock,
        witness: Witness,
        clients: Iterable[Client] = (DEMO_CLIENT,),
        settings: SatuSehatSettings | None = None,
        has_drug: Callable[[str], bool] | None = None,
    ) -> None:
        self.settings = settings or SatuSehatSettings()
        self._first_settings = replace(self.settings)
        self.store = Store(clock)
        self.tokens = IssuedTokens(clients, clock, self.settings)
        self.identity_pages = identity.IdentityPages(self.tokens)
        self.consents = consent.Consents(self.tokens, self.store, clock)
        self._writes = Writes(self.store, ResourceValidator(self.store, clock, self.settings, has_drug), witness)
        self._patients = Patients(self._writes, self.settings)
        self._fhir = Fhir(self.tokens, self._writes, self._patients, self.settings)
        self._seed()

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        if request.path.startswith(identity.PREFIX):
            return self.identity_pages.answer(request)
        if request.path.startswith(consent.PREFIX):
            return self.consents.answer(request)
        part = self._fhir if request.path.startswith(PREFIX) else self.tokens
        return part.answer(request)

    def label(self, method: str, path: str) -> str | None:
        """Return the resource type, "Bundle", "token" or "identity"."""
        if path.startswith(consent.PREFIX):
            return consent.KIND
        if path.startswith(identity.PREFIX):
            return "identity"
        if not path.startswith(PREFIX):
            return "token"
        segments = parts(path)
        return None if segments is None else segments[0] if segments else "Bundle"

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {"expire-tokens": self.tokens.expire_all}

    def reset(self) -> None:
        """Return to the initial state, settings included."""
        for name in self.settings.__slots__:
            setattr(self.settings, name, getattr(self._first_settings, name))
        self.store.clear()
        self.tokens.reset()
        self.identity_pages.reset()
        self._seed()

    def register(self, client: Client) -> None:
        """Add a client, and its facility to the store."""
        self.tokens.register(client)
        seed_facility(self.store, client)

    def seed(self, resource: Resource, owner: str = "") -> None:
        """Put a resource with its own id into the store, unchecked and uncounted."""
        self.store.put(resource, owner, resource["id"])

    def add_twin(self, nik: str) -> str:
        """Give a patient's NIK a second record, so that a search finds two. Return the new id."""
        person = next(one for one in people() if one.nik == nik and one.number)
        number = f"P{int(person.number.lstrip('PN')) + 50_000_000_000:011d}"
        self.seed(person_resource(person, number))
        return number

    def _seed(self) -> None:
        everybody: tuple[SyntheticPerson, ...] = people()
        seed_people(self.store, everybody)
        self._patients.know(everybody)
        for client in self.tokens.clients.values():
            seed_facility(self.store, client)
