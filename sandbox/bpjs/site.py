"""BPJS as a site of the sandbox: both services, with separate records per clinic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request as ControlRequest
from starlette.responses import Response
from starlette.routing import Route

from sandbox.bpjs.antrean import Antrean
from sandbox.bpjs.cipher import encrypt
from sandbox.bpjs.clinics import DEMO_CLINIC, Clinic, identify
from sandbox.bpjs.envelope import Result, antrean_answer, pcare_answer
from sandbox.bpjs.members import Members
from sandbox.bpjs.pcare import PCare
from sandbox.bpjs.settings import BpjsSettings
from sandbox.clock import Clock
from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.replies import refusal, reply
from sandbox.witness import Witness

PCARE, ANTREAN = "/pcare-rest", "/antreanfktp"


class BpjsSite:
    """PCare below /pcare-rest, Antrean FKTP below /antreanfktp."""

    name = "bpjs"
    prefixes: tuple[str, ...] = (PCARE, ANTREAN)

    def __init__(self, clock: Clock, witness: Witness, clinics: Iterable[Clinic] = (DEMO_CLINIC,)) -> None:
        self.settings = BpjsSettings()
        self._clock = clock
        self._witness = witness
        self._clinics = {clinic.cons_id: clinic for clinic in clinics}
        self._open()

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        service = "pcare" if request.path.startswith(PCARE) else "antrean"
        settings = self.settings
        caller = identify(request, service, self._clinics, self._clock.now(), settings.skew_seconds)
        path = request.path.split("/", 2)[2].strip("/") if request.path.count("/") > 1 else ""
        result = caller if isinstance(caller, Result) else self._services[caller.cons_id][service].answer(request, path)
        if isinstance(result, SandboxAnswer):
            return result
        wrap = pcare_answer if service == "pcare" else antrean_answer
        return wrap(result, lambda content: self._sealed(content, request), settings)

    def label(self, method: str, path: str) -> str | None:
        """Return the first word after the service, e.g. "pendaftaran", or both of "antrean/add"."""
        parts = path.strip("/").split("/")[1:]
        if not parts or not parts[0]:
            return None
        return "/".join(parts[:2]) if path.startswith(ANTREAN) else parts[0].lower()

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {}

    def reset(self) -> None:
        """Return to the initial state, settings included."""
        fresh = BpjsSettings()
        for name in fresh.__slots__:
            setattr(self.settings, name, getattr(fresh, name))
        self._open()

    def register(self, clinic: Clinic) -> None:
        """Let another clinic call."""
        self._clinics[clinic.cons_id] = clinic
        self._open()

    def control_routes(self) -> Sequence[Route]:
        return [
            Route("/settings", self._switch, methods=["GET", "PUT"]),
            Route("/members/{card}", self._member, methods=["GET", "PUT"]),
        ]

    def _open(self) -> None:
        self._members = {id_: Members(clinic.provider) for id_, clinic in self._clinics.items()}
        self._services: dict[str, dict[str, PCare | Antrean]] = {
            id_: {
                "pcare": PCare(clinic, self._members[id_], self._witness, self.settings),
                "antrean": Antrean(self._members[id_], self._witness, self.settings),
            }
            for id_, clinic in self._clinics.items()
        }

    def _sealed(self, content: Any, request: SandboxRequest) -> str:
        """Encrypt content for the clinic that signed the request."""
        clinic, timestamp = self._clinics[request.headers["x-cons-id"]], request.headers["x-timestamp"]
        return encrypt(content, clinic.cons_id, clinic.secret, "0" if self.settings.wrong_key else timestamp)

    async def _switch(self, request: ControlRequest) -> Response:
        """Return the settings; PUT changes the named ones."""
        if request.method == "PUT":
            changes: dict[str, Any] = await request.json()
            if unknown := sorted(set(changes) - set(asdict(self.settings))):
                return refusal(f"no setting {', '.join(unknown)}")
            for name, value in changes.items():
                setattr(self.settings, name, value)
        return reply(asdict(self.settings))

    async def _member(self, request: ControlRequest) -> Response:
        """Return a member of the first clinic; PUT changes active, screened or provider."""
        members, card = next(iter(self._members.values())), request.path_params["card"]
        if request.method == "PUT":
            try:
                members.change(card, **await request.json())
            except (KeyError, TypeError) as wrong:
                return refusal(str(wrong))
        member = members.by_card(card)
        return reply(asdict(member)) if member else refusal("nobody has this card", 404)
