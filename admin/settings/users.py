"""*Pengguna*: the people who may log in, their roles and clinics."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Select, insert, select, update
from starlette.requests import Request
from wtforms import BooleanField, Form, PasswordField, SelectField

from admin.pages.shared.layout import permitted
from admin.people import administrators, users
from admin.settings.base_view import SettingsRefused, SettingsView
from admin.settings.form import FieldLine, SettingsForm, required
from admin.settings.request import person_of, when
from admin.text.words import say
from engine.database.statements import Query
from engine.database.tables import Facility, Role, User
from engine.database.transaction import ModelTransaction
from engine.facilities.facilities import all_facilities

ALL_CLINICS = ""  # value of the form's field for the clinic


class _UserRow(NamedTuple):
    id: int
    name: str
    role: str
    role_label: str
    facility_id: int | None
    facility: str | None
    disabled: bool
    created_at: int


class _RoleName(NamedTuple):
    name: str
    label: str


class People(SettingsView[_UserRow], model=User):
    """Users. Their passwords can be entered and are never shown."""

    row = _UserRow
    word = "users"
    icon = "users"
    columns = ("name", "role", "facility", "state", "created_at")
    can_create = can_edit = True
    removable = True

    def query(self, request: Request) -> Select[Any]:
        query = (
            self.columns_of_row(role_label=Role.label, facility=Facility.name)
            .join(Role, Role.name == User.role)
            .join(Facility, Facility.id == User.facility_id, isouter=True)
        )
        only = person_of(request).facility_id
        return query if only is None else query.where(User.facility_id == only)

    def cells(self, request: Request, row: _UserRow) -> dict[str, Any]:
        return {
            "name": row.name,
            "role": row.role_label,
            "facility": row.facility or say("settings.users.everywhere"),
            "state": say("settings.users.disabled" if row.disabled else "settings.users.active"),
            "created_at": when(request, row.created_at),
        }

    async def scaffold_form(self, rules: builtins.list[str] | None = None) -> type[Form]:
        roles = await self.hub.database.fetch(Query(select(Role.name, Role.label).order_by(Role.name), _RoleName))
        clinics = await all_facilities(self.hub.database)

        class PersonForm(SettingsForm):
            name = FieldLine(100, required)
            password = PasswordField(render_kw={"autocomplete": "new-password"})
            role = SelectField(choices=[(row.name, row.label) for row in roles])
            facility_id = SelectField(
                choices=[(ALL_CLINICS, say("settings.users.everywhere")), *((str(row.id), row.name) for row in clinics)]
            )
            disabled = BooleanField()

        return PersonForm

    async def get_form_data_for_edit(self, obj: _UserRow) -> dict[str, Any]:
        only = ALL_CLINICS if obj.facility_id is None else str(obj.facility_id)
        return {"name": obj.name, "role": obj.role, "facility_id": only, "disabled": obj.disabled}

    def hint(self, name: str, obj: _UserRow | None) -> str:
        """Return the hint below a field."""
        if name == "password":
            short = say("login.begin.short", n=users.MIN_PASSWORD_CHARS)
            return f"{short} {say('settings.users.password_kept')}" if obj else short
        return say("settings.users.facility_hint") if name == "facility_id" else ""

    async def add(self, request: Request, form: Mapping[str, Any]) -> int:
        values = await self._values(request, form)
        row = users.row_of(values["name"], await _hashed(form["password"]), values["role"], self.hub.database.clock())

        async def work(tx: ModelTransaction) -> int:
            [id_] = await tx.rows(Query(insert(User).values({**row, **values}).returning(User.id), int))
            return id_

        return await self.change(request, work, "user.add", _audit_text(values), values["facility_id"])

    async def alter(self, request: Request, key: str, form: Mapping[str, Any]) -> None:
        values: dict[str, Any] = await self._values(request, form)
        what = _audit_text(values)
        if form["password"]:
            new = {"password_hash": await _hashed(form["password"]), "session_version": User.session_version + 1}
            values, what = {**values, **new}, f"{what} password"

        async def work(tx: ModelTransaction) -> None:
            await administrators.lock_users(tx)
            await tx.execute(update(User).where(User.id == int(key)).values(values))
            await administrators.keep_a_manager(tx)

        await self.change(request, work, "user.change", what, values["facility_id"])

    async def take_away(self, request: Request, row: _UserRow) -> None:
        async def work(tx: ModelTransaction) -> None:
            await administrators.put_away(tx, row.id)

        await self.change(request, work, "user.remove", row.name, row.facility_id)

    async def _values(self, request: Request, form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the row; a person of one clinic can assign users to no other."""
        person = person_of(request)
        facility = int(form["facility_id"]) if form["facility_id"] else None
        if facility not in {row.id for row in await permitted(self.hub, person)} | (
            {None} if person.facility_id is None else set()
        ):
            raise SettingsRefused(say("settings.users.own_clinic"))
        return {"name": form["name"], "role": form["role"], "facility_id": facility, "disabled": form["disabled"]}


async def _hashed(password: str | None) -> str:
    if len(password or "") < users.MIN_PASSWORD_CHARS:
        raise SettingsRefused(say("login.begin.short", n=users.MIN_PASSWORD_CHARS))
    return await users.hashed(password or "")


def _audit_text(values: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
