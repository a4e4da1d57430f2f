"""What all views of the settings share: rows through the hub's database by keyset, words from the catalogue."""

from __future__ import annotations

import builtins
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from sqladmin import ModelView, expose
from sqladmin.authorization import Action
from sqladmin.flash import flash
from sqladmin.pagination import Pagination
from sqlalchemy import Connection, Select, select
from sqlalchemy.exc import IntegrityError
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from admin.http.errors import status_message, status_of
from admin.http.parameters import LARGEST
from admin.people.administrators import NoManagerLeft
from admin.settings.request import person_of
from admin.text.words import say
from engine.database.audit import note
from engine.database.database import Work
from engine.hub import Hub

T = TypeVar("T")
SIZE = 50


class Refused(Exception):
    """What was asked for cannot be; the message is for the person who asked."""


@dataclass
class Keyset(Pagination):
    """The face that SQLAdmin's list route asks for, with addresses of the pages around instead of numbers."""

    first: str = ""
    newer: str = ""
    older: str = ""

    def add_pagination_urls(self, base_url: URL) -> None:
        """There are no numbers."""


class SettingsView(ModelView):
    """One table. `word` begins its keys in the catalogue and is its identity."""

    hub: ClassVar[Hub]
    word: ClassVar[str]
    columns: ClassVar[Sequence[str]]
    """Names of what the list shows."""
    newest_first: ClassVar[bool] = False
    removable: ClassVar[bool] = False
    fixed: ClassVar[frozenset[str]] = frozenset()
    """Fields that are said once, when the row is made."""
    can_create = can_edit = can_delete = can_export = can_import = False
    list_template = "sqladmin/list.html"
    details_template = "sqladmin/details.html"
    create_template = edit_template = "sqladmin/form.html"

    @property
    def title(self) -> str:
        return say(f"settings.{self.word}")

    @property
    def about(self) -> str:
        """What it is for, in a few words."""
        return say(f"settings.{self.word}.about")

    def label(self, name: str) -> str:
        """The word for a column or a field."""
        return say(f"settings.{self.word}.{name}")

    def sections(self) -> dict[str, str]:
        """First field of a section of the form -> its heading."""
        return {}

    def hint(self, name: str, obj: Any) -> str:
        """What stands below a field; `obj` is what is being changed."""
        return ""

    def may_remove(self, request: Request, row: Any) -> bool:
        """Whoever may change the others may also take one away."""
        return self.has_permission(request, Action.EDIT, row)

    def can_remove(self, row: Any) -> bool:
        """Whether the button is offered."""
        return self.removable

    def elsewhere(self, row: Any) -> str:
        """The page of the panel about it; empty if there is none."""
        return ""

    def query(self, request: Request) -> Select[Any]:
        """All rows that the person may see."""
        return select(self.model.__table__)  # type: ignore[attr-defined]

    def shown(self, request: Request, row: Any) -> dict[str, Any]:
        """Column -> what stands in its cell."""
        return {name: getattr(row, name) for name in self.columns}

    def facts(self, request: Request, row: Any) -> builtins.list[tuple[str, Any]]:
        """(label, value) for the page of one."""
        return [(self.label(name), value) for name, value in self.shown(request, row).items() if value != ""]

    def key(self, row: Any) -> str:
        """What stands for the row in addresses."""
        return str(getattr(row, self.pk_columns[0].name))

    async def list(self, request: Request) -> Keyset:
        """A page of rows in the order of their keys."""
        column, after = self.pk_columns[0], self._as_key(request.query_params.get("after"))
        query = self.query(request).order_by(column.desc() if self.newest_first else column).limit(SIZE + 1)
        if after is not None:
            query = query.where(column < after if self.newest_first else column > after)
        rows = await self.hub.database.fetch(query)
        more = f"?{urlencode({'after': self.key(rows[SIZE - 1])})}" if len(rows) > SIZE else ""
        return Keyset(
            builtins.list(rows[:SIZE]), 1, SIZE, len(rows), first="?" if after is not None else "", older=more
        )

    async def one(self, request: Request, key: str) -> Any | None:
        """The row, None if it is not there or not for this person."""
        wanted = self._as_key(key)
        if wanted is None:
            return None
        rows = await self.hub.database.fetch(self.query(request).where(self.pk_columns[0] == wanted))
        return rows[0] if rows else None

    async def get_object_for_details(self, request: Request) -> Any:
        return await self.one(request, request.path_params["pk"])

    async def get_object_for_edit(self, request: Request) -> Any:
        return await self.one(request, request.path_params["pk"])

    async def get_form_data_for_edit(self, obj: Any) -> dict[str, Any]:
        return dict(obj._mapping)

    async def add(self, request: Request, said: Mapping[str, Any]) -> Any:
        """Insert what a form said and return its key; raises Refused."""
        raise NotImplementedError

    async def alter(self, request: Request, key: str, said: Mapping[str, Any]) -> None:
        """Change a row as a form said; raises Refused."""
        raise NotImplementedError

    async def take_away(self, request: Request, row: Any) -> None:
        """Remove a row; raises Refused."""
        raise NotImplementedError

    async def insert_model(self, request: Request, data: dict[str, Any]) -> Any:
        return self._named(await self._tried(request, self.add(request, data)))

    async def update_model(self, request: Request, pk: str, data: dict[str, Any]) -> Any:
        await self._tried(request, self.alter(request, pk, data))
        flash(request, say("settings.saved"))
        return self._named(self._as_key(pk))

    @expose("/hapus/{pk:path}", methods=["POST"])
    async def remove(self, request: Request) -> Response:
        """Take a row away, or say why not."""
        row = await self.one(request, request.path_params["pk"])
        if row is None or not self.can_remove(row) or not self.may_remove(request, row):
            raise HTTPException(404)
        try:
            await self._tried(request, self.take_away(request, row))
        except Refused as refused:
            flash(request, str(refused), "danger")
            return RedirectResponse(f"/admin/{self.identity}/details/{self.key(row)}", 303)
        flash(request, say("settings.removed"))
        return RedirectResponse(f"/admin/{self.identity}/list", 303)

    async def change(self, request: Request, work: Work[T], action: str, what: str, facility: int | None = None) -> T:
        """Do it and note it in one transaction."""
        now, actor = self.hub.database.clock(), person_of(request).name

        def run(connection: Connection) -> T:
            done = work(connection)
            note(connection, now, actor, action, facility_id=facility, reason=what)
            return done

        return await self.hub.database.write(run)

    async def _tried(self, request: Request, work: Awaitable[T]) -> T:
        """SQLAdmin shows whatever is raised: so it is in words."""
        try:
            return await work
        except Refused:
            raise
        except IntegrityError:
            raise Refused(say("settings.taken")) from None
        except NoManagerLeft:
            raise Refused(say("settings.nobody_left")) from None
        except Exception as error:
            raise Refused(status_message(status_of(request, error))) from None

    def _named(self, key: Any) -> Any:
        return self.model(**{self.pk_columns[0].name: key})

    def _as_key(self, said: str | None) -> int | str | None:
        if said is None or self.pk_columns[0].type.python_type is str:
            return None if said is None or "\x00" in said else said
        return int(said) if said.isdecimal() and int(said) <= LARGEST else None
