"""*Peran*: what people may do, as boxes to tick."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, delete, exists, insert, select, update
from starlette.requests import Request
from wtforms import BooleanField, Form, ValidationError

from admin.people import administrators
from admin.people.permissions import Permission
from admin.settings.base_view import Refused, SettingsView
from admin.settings.form import FieldLine, SettingsForm, required
from admin.text.words import say
from engine.database.tables import Role, User


class Roles(SettingsView, model=Role):
    """A role in use cannot be removed, and one always has to be left that manages."""

    word = "roles"
    icon = "shield-lock"
    columns = ("label", "name", "permissions")
    can_create = can_edit = True
    removable = True
    fixed = frozenset({"name"})

    def shown(self, request: Request, row: Any) -> dict[str, Any]:
        allowed = orjson.loads(row.permissions)
        words = [say(f"permission.{each}") for each in Permission if each in allowed]
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

    def hint(self, name: str, obj: Any) -> str:
        """What stands below a field."""
        return say("settings.roles.name_hint") if name == "name" else ""

    async def get_form_data_for_edit(self, obj: Any) -> dict[str, Any]:
        allowed = orjson.loads(obj.permissions)
        return {"label": obj.label, "name": obj.name, **{each.value: each in allowed for each in Permission}}

    async def add(self, request: Request, said: Mapping[str, Any]) -> str:
        values = _values(said)
        what = f"{values['name']} {values['permissions']}"
        await self.change(request, lambda connection: connection.execute(insert(Role).values(values)), "role.add", what)
        return str(values["name"])

    async def alter(self, request: Request, key: str, said: Mapping[str, Any]) -> None:
        values = {**_values(said), "name": key}  # people hang on it

        def work(connection: Connection) -> None:
            administrators.lock_users(connection)
            connection.execute(update(Role).where(Role.name == key).values(values))
            administrators.keep_a_manager(connection)

        await self.change(request, work, "role.change", f"{key} {values['permissions']}")

    async def take_away(self, request: Request, row: Any) -> None:
        def work(connection: Connection) -> None:
            administrators.lock_users(connection)
            if connection.execute(select(exists().where(User.role == row.name))).scalar():
                raise Refused(say("settings.roles.used"))
            connection.execute(delete(Role).where(Role.name == row.name))

        await self.change(request, work, "role.remove", row.name)


def _values(said: Mapping[str, Any]) -> dict[str, str]:
    allowed = [permission.value for permission in Permission if said[permission.value]]
    return {"name": said["name"], "label": said["label"], "permissions": orjson.dumps(allowed).decode()}


def _code(_: Form, field: Any) -> None:
    if not (field.data.isascii() and field.data.replace("-", "").replace("_", "").isalnum()):
        raise ValidationError(say("settings.roles.name_hint"))
