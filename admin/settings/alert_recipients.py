"""*Pemberitahuan*: recipients of alerts, their channels, and a test of these."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqladmin import expose
from sqladmin.flash import flash
from sqlalchemy import Select, delete, insert, update
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from wtforms import BooleanField, Form, IntegerField, SelectField, ValidationError
from wtforms.validators import InputRequired, NumberRange

from adapters.notifications.contract import NotDelivered
from adapters.notifications.deliver import WAYS, deliver
from admin.alert_messages import AlertMessages
from admin.pages.shared.layout import permitted
from admin.settings.alert_channels import (
    CHANNEL_FIELDS,
    NEEDS_SECRET,
    SECRETS,
    address_of,
    channel_fields,
    entered,
    sealed_values,
)
from admin.settings.base_view import SettingsRefused, SettingsView
from admin.settings.form import FieldLine, SettingsForm, required
from admin.settings.request import person_of, when
from admin.text.words import language, say, sentence
from engine.alerts import recipients
from engine.alerts.watch import destination_of
from engine.database.statements import Query
from engine.database.tables import AlertRecipient, Facility
from engine.database.transaction import ModelTransaction
from engine.errors import VaultError
from engine.facilities.facilities import all_facilities
from engine.identifiers import masked

ALL_CLINICS = ""  # value of the form's field for the clinic
TIME_PATTERN = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DAY_MINUTES = 24 * 60
TRY = "try"  # value of the button that saves and sends a test message
HINTED = {
    *("mail_host", "mail_user", "phone", "chat", "bot_token", "webhook_url", "signing_key"),
    *("waiting_minutes", "failure_percent", "quiet_from", "digest_at"),
}
# Fields that the audit log repeats.
FIELDS = ("name", "way", "address", "waiting_minutes", "failure_percent", "quiet_from", "quiet_until", "digest_at")


class _AlertRow(NamedTuple):
    id: int
    name: str
    facility_id: int | None
    facility: str | None
    way: str
    address: str
    sealed: bytes | None
    enabled: bool
    waiting_minutes: int
    failure_percent: int
    quiet_from: str
    quiet_until: str
    digest_at: str
    told_at: int | None
    fails: int
    problem: str
    created_at: int


class Alerts(SettingsView[_AlertRow], model=AlertRecipient):
    """Recipients of alerts. Their secrets can be entered and are never shown."""

    row = _AlertRow
    word = "alerts"
    icon = "bell"
    columns = ("name", "state", "way", "address", "facility")
    can_create = can_edit = True
    removable = True
    details_template = "sqladmin/alert.html"
    create_template = edit_template = "sqladmin/alert_form.html"

    @property
    def empty_words(self) -> str:
        return say("settings.alerts.empty")

    def query(self, request: Request) -> Select[Any]:
        query = self.columns_of_row(facility=Facility.name)
        query = query.outerjoin(Facility, Facility.id == AlertRecipient.facility_id)
        only = person_of(request).facility_id
        return query if only is None else query.where(AlertRecipient.facility_id == only)

    def cells(self, request: Request, row: _AlertRow) -> dict[str, Any]:
        return {
            "name": row.name,
            "state": _state(request, row),
            "way": say(f"settings.alerts.way.{row.way}"),
            "address": masked(row.address) if row.way == "whatsapp" else row.address,
            "facility": row.facility or say("settings.alerts.everywhere"),
        }

    async def scaffold_form(self, rules: builtins.list[str] | None = None) -> type[Form]:
        clinics = await all_facilities(self.hub.database)
        everywhere, policy = (ALL_CLINICS, say("settings.alerts.everywhere")), self.hub.settings.alert_policy

        fields: dict[str, Any] = {
            "name": FieldLine(100, required),
            "facility_id": SelectField(choices=[*((str(row.id), row.name) for row in clinics), everywhere]),
            "way": SelectField(choices=[(way, say(f"settings.alerts.way.{way}")) for way in WAYS]),
            **channel_fields(policy, self.hub.settings.gateways),
            "waiting_minutes": _number(60, 30 * DAY_MINUTES),
            "failure_percent": _number(20, 100),
            "quiet_from": FieldLine(5, _time),
            "quiet_until": FieldLine(5, _time),
            "digest_at": FieldLine(5, _time),
            "enabled": BooleanField(default=True),
        }
        return type("AlertForm", (SettingsForm,), fields)

    async def get_form_data_for_edit(self, obj: _AlertRow) -> dict[str, Any]:
        only = ALL_CLINICS if obj.facility_id is None else str(obj.facility_id)
        stored = {name: getattr(obj, name) for name in FIELDS if name != "address"}
        channel = entered(obj.way, obj.address, self._opened(obj))
        return {**stored, **channel, "enabled": obj.enabled, "facility_id": only}

    def hint(self, name: str, obj: _AlertRow | None) -> str:
        """Return the hint below a field."""
        if name == "gateway_url":
            urls = [
                f"{gateway.label[language()]}: {gateway.url}"
                for gateway in self.hub.settings.gateways.values()
                if gateway.url
            ]
            return say("settings.alerts.gateway_url_hint", urls="; ".join(urls))
        hint = say(f"settings.alerts.{name}_hint") if name in HINTED else ""
        kept = say("settings.alerts.secret_kept") if name in SECRETS.values() and obj else ""
        return f"{hint} {kept}".strip()

    async def create_context(self, request: Request) -> dict[str, Any]:
        return {"channels": CHANNEL_FIELDS}

    async def edit_context(self, request: Request) -> dict[str, Any]:
        return {"channels": CHANNEL_FIELDS}

    def saved_address(self, key: str) -> str:
        """Return the address of the recipient's page, which shows the result of a test message."""
        return f"/admin/{self.identity}/details/{key}"

    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        made = await super().insert_model(request, data)
        await self._try_if_asked(request, made.id)
        return made

    async def update_model(self, request: Request, pk: str, data: dict[str, Any]) -> Any:
        changed = await super().update_model(request, pk, data)
        await self._try_if_asked(request, changed.id)
        return changed

    async def add(self, request: Request, form: Mapping[str, Any]) -> int:
        values = await self._values(request, form)
        values |= {"sealed": self._sealed(form, {}), "created_at": self.hub.database.clock()}

        async def work(tx: ModelTransaction) -> int:
            row = insert(AlertRecipient).values(values).returning(AlertRecipient.id)
            [id_] = await tx.rows(Query(row, int))
            return id_

        return await self.change(request, work, "alert.add", _audit_text(values), values["facility_id"])

    async def alter(self, request: Request, key: str, form: Mapping[str, Any]) -> None:
        values, row = await self._values(request, form), await self.one(request, key)
        if row is None:
            raise HTTPException(404)
        # Another way asks for another secret.
        values["sealed"] = self._sealed(form, self._opened(row) if values["way"] == row.way else {})
        if not values["enabled"] or values["facility_id"] != row.facility_id:
            values["known"] = "[]"  # forget which conditions the recipient knows of
        values |= {"fails": 0, "again_at": 0, "problem": ""}
        query = update(AlertRecipient).where(AlertRecipient.id == row.id).values(values)
        what = _audit_text(values) + (" secret" if form[SECRETS[values["way"]]] else "")
        await self.change(request, lambda tx: tx.execute(query), "alert.change", what, values["facility_id"])

    async def take_away(self, request: Request, row: _AlertRow) -> None:
        removal = delete(AlertRecipient).where(AlertRecipient.id == row.id)
        await self.change(request, lambda tx: tx.execute(removal), "alert.remove", row.name, row.facility_id)

    @expose("/uji/{pk:int}", methods=["POST"])
    async def try_out(self, request: Request) -> Response:
        """Send a test message now, and show the result."""
        self.demand(request)
        row = await self.one(request, str(request.path_params["pk"]))
        if row is None:
            raise HTTPException(404)
        await self._send_trial(request, row.id)
        return RedirectResponse(self.saved_address(str(row.id)), 303)

    async def _try_if_asked(self, request: Request, id_: int) -> None:
        """Send a test message if the form was saved with the button for it."""
        if (await request.form()).get("save") == TRY:
            await self._send_trial(request, id_)

    async def _send_trial(self, request: Request, id_: int) -> None:
        recipient = await recipients.one(self.hub.database, id_)
        if recipient is None:
            raise HTTPException(404)
        try:
            await deliver(recipient.way, AlertMessages(self.hub).trial(), destination_of(self.hub, recipient))
        except (NotDelivered, VaultError) as error:
            flash(request, sentence(str(error)), "danger")
        else:
            flash(request, say("settings.alerts.tried"))
        await self.note(request, "alert.test", recipient.name, recipient.facility_id)

    def facts(self, request: Request, row: _AlertRow) -> builtins.list[tuple[str, Any]]:
        """Return the columns of the list, and the thresholds and hours."""
        more = ("waiting_minutes", "failure_percent", "quiet_from", "quiet_until", "digest_at")
        details = [(self.label(name), getattr(row, name)) for name in more if getattr(row, name) != ""]
        return [*super().facts(request, row), *details, (self.label("created_at"), when(request, row.created_at))]

    async def _values(self, request: Request, form: Mapping[str, Any]) -> dict[str, Any]:
        person = person_of(request)
        facility = int(form["facility_id"]) if form["facility_id"] else None
        allowed: set[int | None] = {row.id for row in await permitted(self.hub, person)}
        if facility not in allowed | ({None} if person.facility_id is None else set()):
            raise SettingsRefused(say("settings.users.own_clinic"))
        stored = {name: form[name] for name in FIELDS if name != "address"}
        return {**stored, "address": address_of(form), "facility_id": facility, "enabled": bool(form["enabled"])}

    def _sealed(self, form: Mapping[str, Any], before: Mapping[str, str]) -> bytes | None:
        values = sealed_values(form, before)
        if form["way"] in NEEDS_SECRET and not values.get("secret"):
            raise SettingsRefused(say(f"settings.alerts.secret_missing.{form['way']}"))
        return self.hub.vault.seal(values) if values else None

    def _opened(self, row: _AlertRow) -> Mapping[str, str]:
        """Return what is sealed; nothing if its key has been removed: it has to be entered again."""
        try:
            return self.hub.vault.open(row.sealed) if row.sealed else {}
        except VaultError:
            return {}


def _state(request: Request, row: _AlertRow) -> str:
    if not row.enabled:
        return say("settings.alerts.state.off")
    if row.fails:
        return say("settings.alerts.state.failed", n=row.fails, problem=sentence(row.problem))
    sent = when(request, row.told_at)
    return say("settings.alerts.state.sent", at=sent.short) if sent else say("settings.alerts.state.new")


def _number(default: int, maximum: int) -> IntegerField:
    checks = [InputRequired(), NumberRange(0, maximum)]
    return IntegerField(default=default, validators=checks, render_kw={"min": 0, "max": maximum})


def _time(_: Form, field: Any) -> None:
    if field.data and not TIME_PATTERN.fullmatch(field.data):
        raise ValidationError(say("settings.alerts.time_wrong"))


def _audit_text(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={values[name]}" for name in FIELDS if values[name] not in ("", None))
