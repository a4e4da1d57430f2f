"""*Klinik*: the clinics and, write-only, their credentials; those of sources have a page of their own."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqladmin import expose
from sqlalchemy import Select, insert
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, IntegerField, PasswordField, SelectField, ValidationError
from wtforms.validators import NumberRange, Optional

from adapters.outbound.networks import Policy
from admin.pages.shared.connection_test import probe
from admin.pages.shared.menu import SOURCES_PATH
from admin.settings.base_view import SettingsView
from admin.settings.form import FieldLine, SettingsForm, required, url_within
from admin.settings.request import person_of, when
from admin.text.words import localized, say, sentence
from engine.catalog.credential_sets import CredentialSet, credential_sets
from engine.database.statements import Query
from engine.database.tables import Facility
from engine.database.transaction import ModelTransaction, Transaction
from engine.facilities.facilities import (
    DEFAULT_ESCALATION_HOURS,
    FacilityRow,
    entered_at,
    is_address,
    is_secret,
    merged,
    note_change,
    put_credentials,
    sealed_credentials,
)
from engine.facilities.particulars import ZONES, is_code, is_organization_id, put_particulars
from engine.subscribers.positions import failing

MAX_SECRET_CHARS = 500
MAX_ESCALATION_HOURS = 720
CHANGEABLE = ("name", "time_zone", "organization_id", "escalation_hours")
HINTED = {"code", "organization_id", "escalation_hours"}


class _ClinicRow(NamedTuple):
    id: int
    code: str
    name: str
    time_zone: str
    organization_id: str
    escalation_hours: int
    created_at: int


class Clinics(SettingsView[_ClinicRow], model=Facility):
    """Clinics. A credential is never shown again once entered; a field left empty changes nothing."""

    row = _ClinicRow
    word = "facilities"
    icon = "building-hospital"
    columns = ("name", "code", "time_zone", "organization_id", "created_at")
    can_create = can_edit = True
    fixed = frozenset({"code"})
    create_template = edit_template = "sqladmin/clinic_form.html"
    details_template = "sqladmin/clinic.html"

    def query(self, request: Request) -> Select[Any]:
        only = person_of(request).facility_id
        query = self.columns_of_row()
        return query if only is None else query.where(Facility.id == only)

    def cells(self, request: Request, row: _ClinicRow) -> dict[str, Any]:
        return {
            "name": row.name,
            "code": row.code,
            "time_zone": ZONES.get(row.time_zone, row.time_zone),
            "organization_id": row.organization_id,
            "created_at": when(request, row.created_at),
        }

    async def scaffold_form(self, rules: builtins.list[str] | None = None) -> type[Form]:
        fields: dict[str, Any] = {
            "name": FieldLine(200, required),
            "code": FieldLine(40, required, _code),
            "time_zone": SelectField(choices=list(ZONES.items())),
            "organization_id": FieldLine(40, _organization_id),
            "escalation_hours": IntegerField(
                default=DEFAULT_ESCALATION_HOURS,
                validators=[Optional(), NumberRange(0, MAX_ESCALATION_HOURS)],
                render_kw={"min": 0, "max": MAX_ESCALATION_HOURS},
            ),
        }
        for access in self.accesses():
            for name in access.credentials:
                fields[_field(access.name, name)] = _secret(name, self.hub.settings.webhook_policy)
        return type("ClinicForm", (SettingsForm,), fields)

    def label(self, name: str) -> str:
        for access in self.accesses():
            for credential, label in access.credentials.items():
                if name == _field(access.name, credential):
                    return localized(label)
        return super().label(name)

    def hint(self, name: str, obj: _ClinicRow | None) -> str:
        """Return the hint below a field."""
        return say(f"settings.facilities.{name}_hint") if name in HINTED else ""

    async def get_form_data_for_edit(self, obj: _ClinicRow) -> dict[str, Any]:
        return {name: getattr(obj, name) for name in ("code", *CHANGEABLE)}

    async def add(self, request: Request, form: Mapping[str, Any]) -> int:
        values = {**_values(form), "code": form["code"], "created_at": self.hub.database.clock()}

        async def work(tx: ModelTransaction) -> int:
            await note_change(tx)
            [id_] = await tx.rows(Query(insert(Facility).values(values).returning(Facility.id), int))
            return id_

        id_ = await self.change(request, work, "facility.add", f"{form['code']} {form['name']}")
        await self._enter(request, id_, form)
        return id_

    async def alter(self, request: Request, key: str, form: Mapping[str, Any]) -> None:
        row, values = await self.one(request, key), _values(form)
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        if changed:
            what = " ".join(f"{name}={value}" for name, value in changed.items())

            async def work(tx: ModelTransaction) -> None:
                await put_particulars(tx, int(key), changed)

            await self.change(request, work, "facility.change", what, int(key))
        await self._enter(request, int(key), form)

    def saved_address(self, key: str) -> str:
        """Return the address of the clinic's page, where its connections are tested."""
        return f"/admin/{self.identity}/details/{key}"

    async def details_context(self, request: Request) -> dict[str, Any]:
        return await self._access(request, request.path_params["pk"])

    @expose("/uji/{pk:int}/{upstream:str}", methods=["POST"])
    async def try_out(self, request: Request) -> Response:
        """Call the upstream now, and show the result."""
        self.demand(request)
        key, name = str(request.path_params["pk"]), request.path_params["upstream"]
        row, upstream = await self.one(request, key), self.hub.catalog.upstreams.get(name)
        if row is None or upstream is None:
            raise HTTPException(404)
        clinic = FacilityRow(row.id, row.code, row.name, row.time_zone, row.organization_id)
        results = await probe(self.hub, clinic, upstream)
        await self.note(request, "connection.test", f"{name} ok={results[0].good}", row.id)
        context = {
            "model_view": self,
            "model": row,
            "tried": name,
            "found": results,
            **await self._access(request, key),
        }
        return await self.templates.TemplateResponse(request, self.details_template, context)

    async def _access(self, request: Request, key: str) -> dict[str, Any]:
        """Return the systems with credentials, and since when the clinic has entered these."""
        times = await entered_at(self.hub.database, int(key))
        entered = {upstream: when(request, at) for upstream, at in times.items()}
        untold = {
            one.account: say("settings.facilities.untold", at=since.short, problem=sentence(one.problem))
            for one in await failing(self.hub.database)
            if one.facility_id == int(key) and (since := when(request, one.since))
        }
        upstreams = self.hub.catalog.upstreams
        sources = {source.account: f"{SOURCES_PATH}/{name}" for name, source in self.hub.catalog.sources.items()}
        accesses = [
            access for access in credential_sets(self.hub.catalog) if access.name not in sources or access.name in times
        ]
        return {
            "accesses": accesses,
            "upstreams": upstreams,
            "sources": sources,
            "entered": entered,
            "untold": untold,
        }

    def accesses(self) -> list[CredentialSet]:
        """Return the credentials of the form: a source is entered on its own page, where it is also tried."""
        sources = {source.account for source in self.hub.catalog.sources.values()}
        return [access for access in credential_sets(self.hub.catalog) if access.name not in sources]

    async def _enter(self, request: Request, id_: int, form: Mapping[str, Any]) -> None:
        """Seal and store the credentials that were filled in; the audit log gets the names of the fields only."""
        for access in self.accesses():
            filled = {name: (form[_field(access.name, name)] or "").strip() for name in access.credentials}
            filled = {name: value for name, value in filled.items() if value}
            if not filled:
                continue
            before, _ = await sealed_credentials(self.hub.database, id_, access.name)
            sealed = merged(self.hub.vault, before, filled)
            what, now = f"{access.name}: {', '.join(filled)}", self.hub.database.clock()

            async def work(tx: Transaction, name: str = access.name, sealed: bytes = sealed, now: int = now) -> None:
                await put_credentials(tx, id_, name, sealed, now)

            await self.change(request, work, "credentials.change", what, id_)


def _field(upstream: str, name: str) -> str:
    return f"{upstream}.{name}"


def _secret(name: str, policy: Policy) -> Any:
    if is_address(name):
        return FieldLine(MAX_SECRET_CHARS, url_within(policy))
    if is_secret(name):
        return PasswordField(render_kw={"autocomplete": "new-password", "maxlength": MAX_SECRET_CHARS})
    return FieldLine(MAX_SECRET_CHARS)


def _values(form: Mapping[str, Any]) -> dict[str, Any]:
    return {name: form[name] for name in CHANGEABLE if form[name] is not None}


def _code(_: Form, field: Any) -> None:
    if not is_code(field.data):
        raise ValidationError(say("settings.facilities.code_hint"))


def _organization_id(_: Form, field: Any) -> None:
    if not is_organization_id(field.data):
        raise ValidationError(say("settings.facilities.organization_id_fault"))
