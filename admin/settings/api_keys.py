"""*Kunci API*: API keys of the clinics' systems. A new key is shown once."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from sqladmin.secret import Secret
from sqlalchemy import Select, update
from starlette.requests import Request
from wtforms import Form, IntegerField, SelectField, ValidationError
from wtforms.validators import Optional

from admin.pages.shared.layout import permitted
from admin.settings.base_view import SettingsRefused, SettingsView
from admin.settings.form import FieldLine, SettingsForm, required
from admin.settings.request import person_of, when
from admin.text.words import say
from engine.database.tables import ApiKey, Facility
from engine.facilities.facilities import add_api_key, all_facilities

MAX_VALID_DAYS = 3650  # for a key that has an end


class _KeyRow(NamedTuple):
    id: int
    name: str
    facility_id: int
    facility: str
    prefix: str
    expires_at: int | None
    last_used_at: int | None
    created_at: int


class Keys(SettingsView[_KeyRow], model=ApiKey):
    """API keys. A key is never changed: it is revoked, and another one is made."""

    row = _KeyRow
    list_template = "sqladmin/keys.html"
    word = "keys"
    icon = "key"
    columns = ("name", "facility", "prefix", "state", "last_used_at", "created_at")
    can_create = True
    removable = True

    def query(self, request: Request) -> Select[Any]:
        query = self.columns_of_row(facility=Facility.name).join(Facility, Facility.id == ApiKey.facility_id)
        only = person_of(request).facility_id
        return query if only is None else query.where(ApiKey.facility_id == only)

    def cells(self, request: Request, row: _KeyRow) -> dict[str, Any]:
        ends = when(request, row.expires_at)
        ended = row.expires_at is not None and row.expires_at <= self.hub.database.clock()
        until = say("settings.keys.until", day=ends.short) if ends else say("settings.keys.unlimited")
        return {
            "name": row.name,
            "facility": row.facility,
            "prefix": f"antar_{row.prefix}_…",
            "state": say("settings.keys.ended", day=ends.short) if ended and ends else until,
            "last_used_at": when(request, row.last_used_at) or say("settings.keys.unused"),
            "created_at": when(request, row.created_at),
        }

    async def scaffold_form(self, rules: builtins.list[str] | None = None) -> type[Form]:
        clinics = await all_facilities(self.hub.database)

        class KeyForm(SettingsForm):
            name = FieldLine(100, required)
            facility_id = SelectField(choices=[(str(row.id), row.name) for row in clinics])
            valid_days = IntegerField(validators=[Optional(), _days], render_kw={"min": 1, "max": MAX_VALID_DAYS})

        return KeyForm

    def hint(self, name: str, obj: _KeyRow | None) -> str:
        """Return the hint below a field."""
        return say(f"settings.keys.{name}_hint") if name in ("name", "valid_days") else ""

    async def add(self, request: Request, form: Mapping[str, Any]) -> int:
        facility = int(form["facility_id"])
        if facility not in {row.id for row in await permitted(self.hub, person_of(request))}:
            raise SettingsRefused(say("settings.users.own_clinic"))
        make = partial(
            add_api_key,
            now=self.hub.database.clock(),
            facility_id=facility,
            name=form["name"],
            valid_days=form["valid_days"],
        )
        id_, key = await self.change(request, make, "key.new", form["name"], facility)
        Secret.reveal_once(request, key, say("settings.keys.made"), say("settings.keys.once"))
        return id_

    async def take_away(self, request: Request, row: _KeyRow) -> None:
        # The row stays, because the audit log names it.
        ending = update(ApiKey).where(ApiKey.id == row.id).values(expires_at=self.hub.database.clock())
        what = f"{row.name} {row.prefix}"
        await self.change(request, lambda tx: tx.execute(ending), "key.revoke", what, row.facility_id)

    def can_remove(self, row: _KeyRow) -> bool:
        """Return True unless the key has ended already."""
        return row.expires_at is None or row.expires_at > self.hub.database.clock()


def _days(_: Form, field: Any) -> None:
    if field.data is not None and not 1 <= field.data <= MAX_VALID_DAYS:
        raise ValidationError(say("settings.keys.valid_days_hint"))
