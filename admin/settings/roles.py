"""*Peran*: roles, whose permissions are boxes to tick."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, insert, select, update
from starlette.requests import Request
from wtforms import BooleanField, Form, ValidationError

from admin.people import administrators
from admin.people.permissions import Permission
from admin.settings.base_view import SettingsRefused, SettingsView
from admin.settings.form import FieldLine, SettingsForm, required
from admin.text.words import say
from engine.database.tables import Role, User
from engine.database.transaction import ModelTransaction


class _RoleRow(NamedTuple):
    name: str
    label: str
    permissions: str  # JSON text


class Roles(SettingsView[_RoleRow], model=Role):
    """Roles. A role in use cannot be removed, and one with users and `manage` must always remain."""

    row = _RoleRow
    word = "roles"
    icon = "shield-lock"
    columns = ("label", "name", "permissions")
    can_create = can_edit = True
    removable = True
    fixed = frozenset({"name"})

    def cells(self, request: Request, row: _RoleRow) -> dict[str, Any]:
        allowed = orjson.loads(row.permissions)
        words = [say(f"permission.{permission}") for permission in Permission if permission in allowed]
        return {"label": row.label, "name": row.name, "permissions": words}

    async def scaffold_form(self, rules: builtins.list[str] | None = None) -> type[Form]:
        fields: dict[str, Any] = {
            "label": FieldLine(100, required),
            "name": FieldLine(40, required, _code),
            **{permission.value: BooleanField() for permission in Permission},
        }
        return type("RoleForm", (SettingsForm,), fields)

    def label(self, name: str) -> str:
        return say(f"permission.{name}") if name in set(Permission) else super().label(name)

    def hint(self, name: str, obj: _RoleRow | None) -> str:
        """Return the hint below a field."""
        return say("settings.roles.name_hint") if name == "name" else ""

    async def get_form_data_for_edit(self, obj: _RoleRow) -> dict[str, Any]:
        allowed = orjson.loads(obj.permissions)
        boxes = {permission.value: permission in allowed for permission in Permission}
        return {"label": obj.label, "name": obj.name, **boxes}

    async def add(self, request: Request, form: Mapping[str, Any]) -> str:
        values = _values(form)
        what = f"{values['name']} {values['permissions']}"
        await self.change(request, lambda tx: tx.execute(insert(Role).values(values)), "role.add", what)
        return str(values["name"])

    async def alter(self, request: Request, key: str, form: Mapping[str, Any]) -> None:
        values = {**_values(form), "name": key}  # users refer to the role by its name

        async def work(tx: ModelTransaction) -> None:
            await administrators.lock_users(tx)
            await tx.execute(update(Role).where(Role.name == key).values(values))
            await administrators.keep_a_manager(tx)

        await self.change(request, work, "role.change", f"{key} {values['permissions']}")

    async def take_away(self, request: Request, row: _RoleRow) -> None:
        async def work(tx: ModelTransaction) -> None:
            await administrators.lock_users(tx)
            if await tx.first(select(User.id).where(User.role == row.name).limit(1)):
                raise SettingsRefused(say("settings.roles.used"))
            await tx.execute(delete(Role).where(Role.name == row.name))

        await self.change(request, work, "role.remove", row.name)


def _values(form: Mapping[str, Any]) -> dict[str, str]:
    allowed = [permission.value for permission in Permission if form[permission.value]]
    return {"name": form["name"], "label": form["label"], "permissions": orjson.dumps(allowed).decode()}


def _code(_: Form, field: Any) -> None:
    if not (field.data.isascii() and field.data.replace("-", "").replace("_", "").isalnum()):
        raise ValidationError(say("settings.roles.name_hint"))
